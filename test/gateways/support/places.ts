import { type AffinityOptions, runWithSession, withAffinity } from 'llm-affinity'
import OpenAI from 'openai'

/** Where a call of each of these sessions is answered, one after the other: the `x-backend` that our recipes have written. */
export async function placesOf(
  origin: string,
  ids: readonly string[],
  affinity: AffinityOptions,
): Promise<readonly string[]> {
  const { models } = withAffinity(new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'none' }), affinity)
  const places: string[] = []
  for (const id of ids) {
    const { response } = await runWithSession(id, () => models.list().withResponse())
    const place = response.headers.get('x-backend')
    if (place === null) throw new Error(`${id}: no backend is named`)
    places.push(place)
  }
  return places
}
