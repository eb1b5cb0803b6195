const maps = new Map<string, WeakMap<object, unknown>>()

/** The map of this name that all copies of this package in a process share. The name has the version of what is in it. */
export function sharedMap<Key extends object, Value>(name: string): WeakMap<Key, Value> {
  let map = maps.get(name)
  if (map === undefined) {
    const slot = Symbol.for(`llm-affinity.${name}`)
    // Has no effect where another copy was first. With a frozen global object, this copy has a map of its own.
    Reflect.defineProperty(globalThis, slot, { value: new WeakMap() })
    map = (Reflect.get(globalThis, slot) ?? new WeakMap()) as WeakMap<object, unknown>
    maps.set(name, map)
  }
  return map as WeakMap<Key, Value>
}
