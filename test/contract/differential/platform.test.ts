import { differential } from './differential.ts'

differential("the platform's", { calls: 4000 })
differential("the platform's, given", { calls: 1500 })
