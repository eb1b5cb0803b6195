import type { Program } from '../support/program.ts'
import { caddy } from './caddy.ts'
import { cliproxyapi } from './cliproxyapi.ts'
import { envoy } from './envoy.ts'
import { haproxy } from './haproxy.ts'
import { litellm } from './litellm.ts'
import { nginx } from './nginx.ts'
import { olla } from './olla.ts'
import { smg } from './smg.ts'
import { vllmRouter } from './vllm-router.ts'

/** What `npm run gateways:install` brings. It runs before anything is built: a program imports no package of ours, but for types. */
export const programs: readonly Program[] = [caddy, nginx, haproxy, olla, cliproxyapi, envoy, litellm, smg, vllmRouter]
