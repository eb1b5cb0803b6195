// A README as npm shows it: npm has no files beside it, so its relative links become absolute.

import { statSync } from 'node:fs'
import { relative, resolve, sep } from 'node:path'
import { root } from './address.mjs'

/**
 * @param {string} text
 * @param {string} folder Where the README is in the repository.
 * @param {string} address The repository's.
 * @throws {Error} Where a link leads to no file.
 */
export function withAbsoluteLinks(text, folder, address) {
  // Code blocks keep what looks like a link. The split leaves them at the odd places.
  const parts = text.split(/(^```[\s\S]*?^```$)/m)
  return parts.map((part, index) => (index % 2 === 0 ? part.replace(LINK, absolute) : part)).join('')

  /** @type {(link: string, image: string, label: string, to: string, fragment: string) => string} */
  function absolute(_, image, label, to, fragment = '') {
    const path = resolve(folder, decodeURI(to))
    const kind = image === '!' ? 'raw' : statSync(path).isDirectory() ? 'tree' : 'blob'
    return `${image}[${label}](${address}/${kind}/HEAD/${relative(root, path).split(sep).join('/')}${fragment})`
  }
}

/** A link or an image with a relative target. A link to a heading of the page itself stays. */
const LINK = /(!?)\[([^\]]*)\]\((?![a-z][a-z+.-]*:|#|\/\/)([^)\s#]+)(#[^)\s]*)?\)/gi
