/**
 * The folders of each package, from the bottom to the top, as docs/architecture.md describes them. A folder imports from
 * itself and from those before it. The files beside the folders are the entries, and on top.
 */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  'llm-affinity': [
    'util',
    'gateways',
    'session',
    'server',
    'usage',
    'stamping',
    'outcomes',
    'learned',
    'cache',
    'integrations',
  ],
  'llm-affinity-testkit': ['util', 'protocol', 'servers', 'assert'],
  'llm-affinity-doctor': ['util', 'client', 'analysis', 'verdict', 'experiment', 'echo', 'output'],
}
