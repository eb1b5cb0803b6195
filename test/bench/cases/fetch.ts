// The platform's fetch to a local server, in the three forms in which headers are given to it. By hand means the same
// call with two more headers in it, in the same form.

import { affinityFetch, runWithSession } from 'llm-affinity'
import { againstByHand, type Experiment } from '../pairs.ts'
import { type ByHand, type Conversation, checkArms, handWritten, inFlight, startServer } from './shared.ts'

type Form = (url: string, extra?: ByHand) => [input: string | Request, init?: RequestInit]

const body = JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content: 'Hello?' }] })
const own = { 'content-type': 'application/json', authorization: 'Bearer test' }

// What SDKs do: a string, and a Headers of the call's own.
const text: Form = (url, extra) => [url, { method: 'POST', headers: new Headers({ ...own, ...extra }), body }]

const object: Form = (url, extra) => [url, { method: 'POST', headers: { ...own, ...extra }, body }]

// A header is put into a Request where it is made. To make a second one of it costs several times as much.
const request: Form = (url, extra) => [new Request(url, { method: 'POST', headers: { ...own, ...extra }, body })]

async function fetching(name: string, form: Form): Promise<Experiment> {
  const server = await startServer()
  const url = `${server.origin}/v1/chat/completions`
  const ours = affinityFetch()
  const read = async (response: Promise<Response>): Promise<string> => (await response).text()
  const byHand = ({ id }: Conversation): Promise<string> => read(fetch(...form(url, handWritten(id))))
  const arms = {
    'by hand': inFlight(byHand),
    ours: inFlight(({ session }) => runWithSession(session, () => read(ours(...form(url))))),
    again: inFlight(byHand),
  }
  await checkArms(arms, { 'by hand': 'key', ours: 'key', again: 'key' }, server.seen)
  return {
    arms,
    figures: againstByHand(name),
    close: server.close,
  }
}

export const fetchString = (): Promise<Experiment> => fetching('fetch-string', text)
export const fetchObject = (): Promise<Experiment> => fetching('fetch-object', object)
export const fetchRequest = (): Promise<Experiment> => fetching('fetch-request', request)
