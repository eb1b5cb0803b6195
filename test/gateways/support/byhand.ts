import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Backend } from './program.ts'

/** A backend whose answers a test writes by hand. It lists the model that all tests ask for, and so is well. */
export async function startByHand(
  name: string,
  answer: (response: ServerResponse) => Promise<void>,
): Promise<Backend & AsyncDisposable> {
  const server = createServer((request, response) => {
    if (request.method === 'GET') response.end(MODELS)
    else request.resume().once('end', () => answer(response).catch(() => response.destroy()))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    name,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const MODELS = JSON.stringify({ object: 'list', data: [{ id: 'test-model', object: 'model' }] })
