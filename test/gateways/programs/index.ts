import type { Program } from '../support/program.ts'
import { apache } from './apache.ts'
import { caddy, caddyOfDebian } from './caddy.ts'
import { cliproxyapi } from './cliproxyapi.ts'
import { dynamo } from './dynamo.ts'
import { envoy } from './envoy.ts'
import { haproxy } from './haproxy.ts'
import { litellm, litellmNewer } from './litellm.ts'
import { nginx } from './nginx.ts'
import { olla } from './olla.ts'
import { rayServe } from './ray-serve.ts'
import { smg } from './smg.ts'
import { traefik } from './traefik.ts'
import { varnish } from './varnish.ts'
import { vllmRouter } from './vllm-router.ts'

/** What `npm run gateways:install` brings. It runs before anything is built: a program imports no package of ours, but for types. */
export const programs: readonly Program[] = [
  caddy,
  caddyOfDebian,
  nginx,
  haproxy,
  olla,
  cliproxyapi,
  envoy,
  litellm,
  litellmNewer,
  rayServe,
  dynamo,
  smg,
  vllmRouter,
  traefik,
]

/** Programs without a page of their own, which only the tests of the doctor run. */
export const othersForDoctor: readonly Program[] = [apache, varnish]
