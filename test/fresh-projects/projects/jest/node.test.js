const call = require('./call.js')

test('calls in a Node environment', async () => {
  expect(await call(process.env.GATEWAY)).toMatch(/^[0-9a-f]{32}$/)
})
