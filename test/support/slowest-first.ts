import { BaseSequencer, type TestSpecification } from 'vitest/node'

// The files that take longest, in order: each starts other Nodes, gateways or fresh projects.
const SLOWEST = [
  'instrument/sessions',
  'doctor/runs',
  'instrument/redirects',
  'instrument/neighbours',
  'contract/differential/',
  'fresh-projects/',
  'contract/stacks',
  'gateways/',
  'contract/',
]

/**
 * Starts the slow files first, so that no worker ends with one while the other has nothing left to do. By itself vitest only
 * knows the sizes of the files, unless it has run before.
 */
export default class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other))
  }
}

function rank({ moduleId }: TestSpecification): number {
  const at = SLOWEST.findIndex((part) => moduleId.includes(`/test/${part}`))
  return at < 0 ? SLOWEST.length : at
}
