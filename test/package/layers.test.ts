import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { LAYERS } from './layers.ts'

// That there are no import cycles is a rule of the linter: biome.json.
describe.each(Object.entries(LAYERS))('the folders of %s', (name, layers) => {
  const src = fileURLToPath(new URL(`../../packages/${name.replace('llm-affinity-', '')}/src`, import.meta.url))
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((each) => each.endsWith('.ts'))
  const folderOf = (file: string): string | undefined => (file.includes(sep) ? file.split(sep)[0] : undefined)

  it('are the ones that are listed', () => {
    const folders = new Set(files.map(folderOf).filter((folder) => folder !== undefined))
    expect([...folders].toSorted()).toEqual(layers.toSorted())
  })

  it('import downwards only', () => {
    const upwards = files.flatMap((file) => {
      const from = folderOf(file)
      const text = readFileSync(join(src, file), 'utf8')
      const targets = [...text.matchAll(/\b(?:from|import\()\s*'(\.[^']*)'/g)].map(([, path = '']) =>
        normalize(join(dirname(file), path)),
      )
      return targets.filter((to) => levelOf(folderOf(to)) > levelOf(from)).map((to) => `${file} → ${to}`)
    })
    expect(upwards).toEqual([])
  })

  function levelOf(folder: string | undefined): number {
    return folder === undefined ? layers.length : layers.indexOf(folder)
  }
})
