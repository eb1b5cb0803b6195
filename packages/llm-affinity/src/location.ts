// The bytes of a Location are UTF-8, but header values arrive as one character a byte. Whoever reads them otherwise than
// the platform does takes a redirect for another one than the platform follows.

const ASCII = /^[\x20-\x7e]*$/

/** Where a redirect leads, read as fetch reads it, or null where it leads nowhere. */
export function leadsTo(location: string, from: string): URL | null {
  const bytes = Array.from(location, (character) => character.charCodeAt(0))
  const isBytes = !ASCII.test(location) && bytes.every((byte) => byte <= 0xff)
  return URL.parse(
    isBytes ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes)) : location,
    from,
  )
}
