import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { folderOf } from './support/folder.ts'
import { fill, receiptOf } from './support/receipt.ts'

it('counts an install that has come to its end, and no other', async () => {
  const { path, remove } = await folderOf({})
  const folder = join(path, 'program')
  const bring = (file: string, then: () => string) => () => {
    writeFileSync(join(folder, file), '')
    expect(receiptOf(folder), 'not before its end').toBeUndefined()
    return Promise.resolve().then(then)
  }
  try {
    expect(receiptOf(folder)).toBeUndefined()
    await fill(
      folder,
      bring('old', () => '1.0'),
    )
    expect(receiptOf(folder)).toBe('1.0')

    await fill(
      folder,
      bring('new', () => '2.0'),
    )
    expect([receiptOf(folder), existsSync(join(folder, 'old')), existsSync(join(folder, 'new'))]).toEqual([
      '2.0',
      false,
      true,
    ])

    const failing = bring('half', () => {
      throw new Error('no network')
    })
    await expect(fill(folder, failing)).rejects.toThrow('no network')
    expect(existsSync(folder)).toBe(false)
  } finally {
    await remove()
  }
})
