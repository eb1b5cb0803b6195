import type { GatewayName } from 'llm-affinity'

/** A real gateway that the tests run: how it comes here, and how it is started. */
export interface Program {
  /** What the command line calls it: its page in docs/gateways, with a version where the tests run another one too. */
  readonly name: string
  /** What clients of it name: its row in the table, or `generic` where no header pins. */
  readonly gateway: GatewayName
  /** As its makers write it. */
  readonly title: string
  /** The version that `install` brings. */
  readonly version: string
  /** How much it would add to every installation, where that is too much: it is then brought only when it is asked for. */
  readonly onlyOnDemand?: `${number} MB`
  /** Which SDKs it can be spoken to with. */
  readonly speaks: readonly ('openai' | 'anthropic')[]
  /** What stands between its origin and the `/v1` of these APIs. @default nothing */
  readonly basePath?: Readonly<Partial<Record<'openai' | 'anthropic', string>>>
  /** Its executable, or undefined where that version is not installed. */
  find(): string | undefined
  /** Brings it into `.installed`; quick where it is there already. Rejects with a sentence where this machine cannot have it. */
  install(): Promise<void>
  /** Starts it on a free port of the loopback interface, with the very config of its page, before three backends. */
  start(backends: Backends, options?: StartOptions): Promise<Running>
}

/** Three servers, such as replicas of the testkit: as many as the config of a page names. */
export type Backends = readonly [Backend, Backend, Backend]

export interface Backend {
  readonly name: string
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
}

export interface StartOptions {
  /** Changes what the page says, for a test of what happens otherwise. Sees the page's own ports. */
  readonly edit?: (config: string) => string
}

/** A program that runs, and answers. */
export interface Running extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`: what Anthropic's client takes as its base URL; with `/v1`, what OpenAI's takes. */
  readonly origin: string
  /** All that it has written so far, for messages. */
  said(): string
  /** Has it read its config again, with these changes, where it can do so without stopping. Resolves when the new one is in use. */
  readonly reload?: (options?: StartOptions) => Promise<void>
  /** Ends it, by pid, and waits for its end. Later calls do nothing. */
  stop(): Promise<void>
}
