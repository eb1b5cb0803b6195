import type { BodyRead } from './diagnosis.js'
import { observeBody } from './observe-body.js'
import { BodyEnds, bytesOf } from './read-usage.js'

/**
 * Calls `done` once, when the caller has read the body to its end. Observes only, as `readUsage` does. A body that breaks off or
 * is not read to its end is not reported.
 */
export function readEnds(response: Response, done: (read: BodyRead) => void): void {
  if (response.bodyUsed) return
  const ends = new BodyEnds()
  let isOver = false
  const finish = (read: BodyRead): void => {
    if (isOver) return
    isOver = true
    done(read)
  }
  const idle = { part: () => {}, whole: () => {}, end: () => {}, clone: () => idle }
  observeBody(response, {
    part: (value) => {
      const bytes = isOver ? undefined : bytesOf(value)
      if (bytes !== undefined) ends.add(bytes)
    },
    whole: (value) => {
      const bytes = bytesOf(value)
      if (bytes !== undefined) ends.add(bytes)
      else finish(typeof value === 'string' ? { text: value } : { json: value })
    },
    end: (forAll, error) => {
      if (forAll && error === undefined) finish({ text: ends.text() })
      else isOver = true
    },
    // The first reader is the one that counts.
    clone: () => idle,
  })
}
