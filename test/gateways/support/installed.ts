import { fileURLToPath } from 'node:url'

/** Where `pnpm gateways:install` puts what it brings; ignored by git, and nothing outside of it is touched. */
export const installed: string = fileURLToPath(new URL('../.installed/', import.meta.url))
