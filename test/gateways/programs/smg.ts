import { startCommandLine } from '../support/commandline.ts'
import type { Program } from '../support/program.ts'
import { pypi } from './pypi.ts'

const version = '1.13.0'
// What else it names serves engines of its own, which the router does not.
const { find, install } = pypi({ folder: 'smg', binary: 'smg', packages: { smg: version, setproctitle: '1.3.8' } })

export const smg: Program = {
  name: 'smg',
  gateway: 'smg',
  title: 'SMG (SGLang router)',
  version,
  speaks: ['openai', 'anthropic'],
  find,
  install,
  start: (backends, options) => startCommandLine({ binary: find() ?? '', page: 'smg' }, backends, options),
}
