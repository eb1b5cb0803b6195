// Every way to read a body that there is.

import { Readable } from 'node:stream'

export type Way = (response: Response) => Promise<unknown>

const text = (parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString()
export const bodyOf = (response: Response): ReadableStream<Uint8Array> => {
  if (response.body === null) throw new Error('no body')
  return response.body
}
const nameOf = (error: unknown): string => (error instanceof Error ? error.name : String(error))
const failure = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'none', nameOf)
async function readParts(stream: ReadableStream<Uint8Array>): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  const reader = stream.getReader()
  for (let result = await reader.read(); !result.done; result = await reader.read()) parts.push(result.value)
  reader.releaseLock()
  return parts
}

const readAll = async (stream: ReadableStream<Uint8Array>): Promise<string> => text(await readParts(stream))

async function readBytes(stream: ReadableStream<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  const reader = stream.getReader({ mode: 'byob' })
  let buffer = new ArrayBuffer(64)
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(buffer))
    if (done || value === undefined) return text(parts)
    parts.push(value.slice())
    // The same memory again, as one does: what was seen of it has to be a copy.
    buffer = value.buffer
  }
}

const sinkTo = (parts: Uint8Array[]): WritableStream<Uint8Array> =>
  new WritableStream({ write: (part) => void parts.push(part) })

/** Ways that see all of the body, and so all of its usage. */
export const whole: Record<string, Way> = {
  text: (response) => response.text(),
  arrayBuffer: async (response) => text([new Uint8Array(await response.arrayBuffer())]),
  bytes: async (response) => text([await response.bytes()]),
  getReader: (response) => readAll(bodyOf(response)),
  'getReader({ mode: "byob" })': (response) => readBytes(bodyOf(response)),
  'getReader, its parts overwritten and given away': async (response) => {
    const parts: Uint8Array[] = []
    const reader = bodyOf(response).getReader()
    for (let result = await reader.read(); !result.done; result = await reader.read()) {
      parts.push(result.value.slice())
      result.value.fill(0)
      structuredClone(result.value, { transfer: [result.value.buffer as ArrayBuffer] })
    }
    return text(parts)
  },
  'two readers, one after the other': async (response) => {
    const reader = bodyOf(response).getReader()
    const first = await reader.read()
    reader.releaseLock()
    return text([first.value ?? new Uint8Array(), ...(await readParts(bodyOf(response)))])
  },
  'reads that do not wait for one another': async (response) => {
    const reader = bodyOf(response).getReader()
    const parts: Uint8Array[] = []
    for (;;) {
      const results = await Promise.all([reader.read(), reader.read(), reader.read()])
      for (const { value } of results) if (value) parts.push(value)
      if (results.some(({ done }) => done)) return text(parts)
    }
  },
  'for await': async (response) => {
    const parts: Uint8Array[] = []
    for await (const part of bodyOf(response)) parts.push(part)
    return text(parts)
  },
  values: async (response) => {
    const parts: Uint8Array[] = []
    for await (const part of bodyOf(response).values()) parts.push(part)
    return text(parts)
  },
  'values({ preventCancel }), left, and then a reader': async (response) => {
    const parts: Uint8Array[] = []
    for await (const part of bodyOf(response).values({ preventCancel: true })) {
      parts.push(part)
      break
    }
    return text([...parts, ...(await readParts(bodyOf(response)))])
  },
  'an iterator by hand': async (response) => {
    const iterator = bodyOf(response)[Symbol.asyncIterator]()
    const parts: Uint8Array[] = []
    for (let result = await iterator.next(); !result.done; result = await iterator.next()) parts.push(result.value)
    return [
      text(parts),
      await iterator.next(),
      await iterator.return?.(),
      iterator[Symbol.asyncIterator]() === iterator,
    ]
  },
  pipeThrough: async (response) => {
    let all = ''
    for await (const part of bodyOf(response).pipeThrough(new TextDecoderStream())) all += part
    return all
  },
  pipeTo: async (response) => {
    const parts: Uint8Array[] = []
    const returned = await bodyOf(response).pipeTo(sinkTo(parts))
    return [text(parts), returned]
  },
  'tee, both read': async (response) => {
    const [one, other] = bodyOf(response).tee()
    return Promise.all([readAll(one), readAll(other)])
  },
  'tee, one read': async (response) => readAll(bodyOf(response).tee()[0]),
  'tee, the other read': async (response) => readAll(bodyOf(response).tee()[1]),
  'tee, one given up and the other read': async (response) => {
    const [one, other] = bodyOf(response).tee()
    const given = one.cancel()
    const all = await readAll(other)
    await other.cancel()
    await given
    return all
  },
  'tee, of bytes': async (response) => readBytes(bodyOf(response).tee()[0]),
  'clone, both read': async (response) => {
    const copy = response.clone()
    return Promise.all([response.text(), copy.text()])
  },
  'clone, the copy read': async (response) => response.clone().text(),
  'clone, the copy read as a stream': async (response) => readAll(bodyOf(response.clone())),
  'clone, the original read as a stream': async (response) => {
    response.clone()
    return readAll(bodyOf(response))
  },
  'clone that nobody reads, of what is given up when all was told': async (response) => {
    const copy = response.clone()
    const reader = bodyOf(response).getReader()
    const parts: Uint8Array[] = []
    while (!text(parts).includes('[DONE]')) parts.push((await reader.read()).value ?? new Uint8Array())
    void reader.cancel()
    return [text(parts), copy.bodyUsed]
  },
  'clone of a clone': async (response) => response.clone().clone().text(),
  'clone after a look at the body': async (response) => {
    const before = bodyOf(response)
    const copy = response.clone()
    return [before.locked, bodyOf(response) === before, await response.text(), await copy.text()]
  },
  'text after a look at the body': async (response) => {
    const body = bodyOf(response)
    return [body === response.body, await response.text(), body.locked]
  },
  'Readable.fromWeb': async (response) => text(await Readable.fromWeb(bodyOf(response) as never).toArray()),
  'another Response made of it': (response) => new Response(response.body).text(),
}

// Documented in docs/proof.md: the usage of such a body stays pending.
if (Number.parseInt(process.versions.node, 10) >= 26) {
  console.log('Skipped: since Node 26, Readable.fromWeb reads a stream without a reader, so nothing can observe it.')
  delete whole['Readable.fromWeb']
}

/** Ways that give no text to see it in. */
export const unseen: Record<string, Way> = {
  json: (response) => failure(response.json()),
  blob: async (response) => (await response.blob()).text(),
  formData: (response) => failure(response.formData()),
}

/** Ways that give up before the end. */
export const partly: Record<string, Way> = {
  'a reader that gives up': async (response) => {
    const reader = bodyOf(response).getReader()
    const { value } = await reader.read()
    return [text([value ?? new Uint8Array()]), await reader.cancel('enough'), await reader.read()]
  },
  'a break': async (response) => {
    for await (const part of bodyOf(response)) return text([part])
    return 'nothing'
  },
  'an error in a loop': async (response) => {
    const loop = async (): Promise<void> => {
      for await (const _ of bodyOf(response)) throw new RangeError('mine')
    }
    return failure(loop())
  },
  'cancel, unread': (response) => bodyOf(response).cancel(),
  'a sink that fails': async (response) => {
    const sink = new WritableStream({
      write: () => {
        throw new RangeError('mine')
      },
    })
    return failure(bodyOf(response).pipeTo(sink))
  },
  'a sink that fails, of a body that is kept': async (response) => {
    const sink = new WritableStream({ write: () => Promise.reject(new RangeError('mine')) })
    const failed = await failure(bodyOf(response).pipeTo(sink, { preventCancel: true }))
    const { locked } = bodyOf(response)
    await bodyOf(response).cancel()
    return [failed, locked]
  },
  'a pipe that is given up': async (response) => {
    const controller = new AbortController()
    const sink = new WritableStream({ write: () => controller.abort() })
    return failure(bodyOf(response).pipeTo(sink, { signal: controller.signal }))
  },
  'pipeThrough, given up': async (response) => {
    const through = bodyOf(response).pipeThrough(new TransformStream())
    const reader = through.getReader()
    await reader.read()
    await reader.cancel()
    return 'given up'
  },
  'tee, both given up': async (response) => {
    const [one, other] = bodyOf(response).tee()
    await Promise.all([one.cancel(), other.cancel()])
    return 'given up'
  },
}
