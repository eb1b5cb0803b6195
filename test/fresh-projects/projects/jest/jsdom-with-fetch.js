// jsdom has no fetch. This is what an app's own tests have to add, and no more.
const { TestEnvironment } = require('jest-environment-jsdom')

module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup()
    this.global.fetch = fetch
  }
}
