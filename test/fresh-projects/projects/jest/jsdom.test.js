/** @jest-environment ./jsdom-with-fetch.js */
const call = require('./call.js')

test('calls in a DOM', async () => {
  expect(typeof document).toBe('object')
  expect(typeof TextEncoder).toBe('undefined')
  expect(await call(process.env.GATEWAY)).toMatch(/^[0-9a-f]{32}$/)
})
