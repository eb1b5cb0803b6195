// For jest without --experimental-vm-modules, as docs/runtimes.md has it.
module.exports = {
  transform: { '\\.js$': ['babel-jest', { plugins: ['@babel/plugin-transform-modules-commonjs'] }] },
  transformIgnorePatterns: ['/node_modules/(?!(\\.pnpm/)?llm-affinity)'],
}
