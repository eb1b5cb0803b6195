import { caddy } from '../gateways/programs/caddy.ts'
import { envoy } from '../gateways/programs/envoy.ts'
import { haproxy } from '../gateways/programs/haproxy.ts'
import { nginx } from '../gateways/programs/nginx.ts'
import { ISSUER_SET_UPS } from '../gateways/support/issuers.ts'
import type { SetUp } from './run.ts'

const hashing = { edit: (config: string) => config, learn: {} }

/** With the configurations of their pages, the balancers that hash the key; and those that hand out cookies and tokens. */
export const SET_UPS: readonly SetUp[] = [
  { title: 'nginx, `hash`', program: nginx, ...hashing },
  { title: 'HAProxy, `balance hdr`', program: haproxy, ...hashing },
  { title: 'Caddy, `lb_policy header`', program: caddy, ...hashing },
  { title: 'Envoy, ring hash', program: envoy, ...hashing },
  ...ISSUER_SET_UPS,
]
