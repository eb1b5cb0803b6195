import { differential } from './differential.ts'
import { patched } from './makers.ts'

differential('one patched by MSW', { calls: 300, maker: patched() })
