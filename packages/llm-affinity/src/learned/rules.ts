// What gateways hand out for a session and read again, as data. Gateways whose names the operator chooses are not here: they are
// named in the options.

/** A header to give back. */
export interface TokenRule {
  /** The response header that hands it out. */
  readonly from: string
  /** The request header that gives it back. Default: the same. */
  readonly to?: string
  /** The value to send before one was handed out. */
  readonly first?: string
  /** The response header that closes the server's session, after which nothing is given back. */
  readonly closedBy?: string
}

/** What is learned from answers. */
export interface Rules {
  readonly headers: readonly TokenRule[]
  readonly cookies: readonly string[]
}

/** The names of what hands out state under names of its own. */
export type Issuer =
  | 'aibrix'
  | 'apache'
  | 'aws-alb'
  | 'azure-arr'
  | 'caddy'
  | 'cloudflare'
  | 'gclb'
  | 'ingress-nginx'
  | 'llm-d'
  | 'sagemaker'

const tokens = (...names: string[]): Rules => ({ headers: names.map((from) => ({ from })), cookies: [] })
const cookies = (...names: string[]): Rules => ({ headers: [], cookies: names })

/** By name. Those that are gateways of the table too apply wherever the gateway is used with a LearnedState. */
export const ISSUERS: Readonly<Record<Issuer, Rules>> = {
  // https://github.com/vllm-project/aibrix: gateway_rsp_headers.go. It beats the client's key, and is the server's own.
  aibrix: tokens('x-session-id'),
  // The name in its manual; operators may choose another.
  apache: cookies('ROUTEID'),
  // The second is its twin for other sites, the third has the lifetime of the application's cookie.
  'aws-alb': cookies('AWSALB', 'AWSALBCORS', 'AWSALBAPP', 'AWSALBAPP-0', 'AWSALBAPP-1', 'AWSALBTG', 'AWSALBTGCORS'),
  'azure-arr': cookies('ARRAffinity', 'ARRAffinitySameSite'),
  caddy: cookies('lb'),
  cloudflare: cookies('__cflb'),
  gclb: cookies('GCLB'),
  'ingress-nginx': cookies('INGRESSCOOKIE'),
  // The second is for prefill, where it is served apart.
  'llm-d': tokens('x-session-token', 'x-session-token-prefill'),
  sagemaker: {
    headers: [
      {
        from: 'x-amzn-sagemaker-new-session-id',
        to: 'x-amzn-sagemaker-session-id',
        first: 'NEW_SESSION',
        closedBy: 'x-amzn-sagemaker-closed-session-id',
      },
    ],
    cookies: [],
  },
}

/** The gateways of the table that send a call elsewhere themselves when a backend fails. */
export const FAILS_OVER: readonly string[] = [
  'bifrost',
  'cliproxyapi',
  'freellmapi',
  'litellm',
  'llmgateway',
  'olla',
  'openrouter',
  'production-stack',
  'ray-serve',
  'sub2api',
]
