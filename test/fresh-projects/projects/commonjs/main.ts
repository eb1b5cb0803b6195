import { calls } from './calls'

calls(process.env.GATEWAY ?? '').then(console.log)
