// Where every outcome is published, for tracing and metrics that no call site knows of. Not imported: browsers and some
// Workers have no such module, and it is of use only where it is there anyway.

interface Channel {
  readonly hasSubscribers: boolean
  publish(message: unknown): void
}

/** `llm-affinity:outcome` of node:diagnostics_channel; a message is an `Outcome`. Undefined where there are no channels. */
export const channel: Channel | undefined = globalThis.process
  ?.getBuiltinModule?.('node:diagnostics_channel')
  ?.channel('llm-affinity:outcome')
