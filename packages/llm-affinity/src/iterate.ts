import { enter } from './scope.js'

/** An iterator whose `next`, `return` and `throw` run in the scope of `frame`, whoever reads it. */
export function iteratorIn<T>(frame: object, source: AsyncIterator<T>): AsyncIterator<T> {
  const { return: end, throw: fail } = source
  const inside: AsyncIterableIterator<T> = {
    next: (...args) => enter(frame, () => source.next(...args)),
    [Symbol.asyncIterator]: () => inside,
  }
  if (end !== undefined) inside.return = (value) => enter(frame, () => end.call(source, value))
  if (fail !== undefined) inside.throw = (error) => enter(frame, () => fail.call(source, error))
  return inside
}
