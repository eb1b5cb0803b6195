import { startCommandLine } from '../support/commandline.ts'
import type { Program } from '../support/program.ts'
import { pypi } from './pypi.ts'

const version = '0.1.17'
const { find, install } = pypi({
  folder: 'vllm-router',
  binary: 'vllm-router',
  // It is Rust, but its launcher also imports a balancer in Python, and that a web framework.
  packages: {
    'vllm-router': version,
    aiohappyeyeballs: '2.7.1',
    aiohttp: '3.14.5',
    aiosignal: '1.4.0',
    'annotated-doc': '0.0.7',
    'annotated-types': '0.8.0',
    anyio: '4.16.0',
    attrs: '26.1.0',
    certifi: '2026.10.18',
    'charset-normalizer': '3.5.2',
    click: '8.5.1',
    fastapi: '0.165.0',
    frozenlist: '1.8.0',
    h11: '0.16.0',
    idna: '3.20',
    multidict: '7.2.1',
    'opentelemetry-api': '1.45.2',
    orjson: '3.13.0',
    propcache: '0.5.4',
    pydantic: '2.14.3',
    'pydantic-core': '2.50.4',
    requests: '2.34.2',
    setproctitle: '1.3.8',
    starlette: '1.10.0',
    'typing-extensions': '4.16.0',
    'typing-inspection': '0.4.5',
    urllib3: '2.8.0',
    uvicorn: '0.54.0',
    yarl: '1.25.1',
  },
})

export const vllmRouter: Program = {
  name: 'vllm-router',
  gateway: 'vllm-router',
  title: 'vLLM router',
  version,
  speaks: ['openai', 'anthropic'],
  find,
  install,
  start: (backends, options) => startCommandLine({ binary: find() ?? '', page: 'vllm-router' }, backends, options),
}
