import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const RECEIPT = 'receipt'

/** The receipt of a folder, or undefined where there is none: what an install that was broken off has left counts for nothing. */
export function receiptOf(folder: string): string | undefined {
  try {
    return readFileSync(join(folder, RECEIPT), 'utf8')
  } catch {
    return undefined
  }
}

/** Empties the folder, has it filled, and leaves there what `bring` gives as the receipt. Where that fails, nothing is left. */
export async function fill(folder: string, bring: () => Promise<string>): Promise<void> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  try {
    writeFileSync(join(folder, RECEIPT), await bring())
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}
