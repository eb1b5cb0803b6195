// What the tests of `instrument` run that is not in the workspace. `.ts` that every Node of the workspace runs as it is.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hasAll, type Wanted } from '../support/npm-folder.ts'

export const folder: string = fileURLToPath(new URL('.installed', import.meta.url))

/** Older majors of clients, clients that the workspace does not use elsewhere, and certificates for a server. */
const clients: Wanted = {
  '@aws-sdk/client-bedrock-runtime': '3.1164.0',
  '@smithy/node-http-handler': '4.14.2',
  anthropic0: 'npm:@anthropic-ai/sdk@0.29.2',
  axios: '1.21.1',
  got: '16.1.0',
  openai4: 'npm:openai@4.104.0',
  openai5: 'npm:openai@5.23.2',
  selfsigned: '5.5.0',
  superagent: '10.4.2',
}

// 22.3.0 is the oldest Node that the package supports; 22.12.0 is the first with the channel of node:http.
const { platform, arch } = process
const nodes: Wanted = Object.fromEntries(
  ['22.3.0', '22.11.0', '22.12.0'].map((version) => [`node${version}`, `npm:node-${platform}-${arch}@${version}`]),
)

export const wanted: Wanted = { ...clients, ...nodes }
export const isInstalled: boolean = hasAll(folder, wanted)

export function oldNode(version: string): string {
  return join(folder, 'node_modules', `node${version}`, 'bin/node')
}
