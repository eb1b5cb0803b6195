// The other way to carry a conversation through async code to the wire: an entry in OpenTelemetry's baggage, written by
// its undici instrumentation. That listens to every request of its process, and slows down even those that it leaves
// alone, so each arm has a process of its own, and "again" is a second process that is like the first.

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Arm, Experiment } from '../pairs.ts'
import type { ArmName } from './otel-arm.ts'
import { checkArms, ended, messageOf, startServer } from './shared.ts'

interface Remote extends Arm {
  close(): Promise<void>
}

function remoteArm(name: ArmName, origin: string): Remote {
  const child = fork(fileURLToPath(new URL('./otel-arm.ts', import.meta.url)), [name, origin], {
    execArgv: ['--expose-gc'],
  })
  return {
    time: async (calls) => {
      child.send(calls)
      return Number(await messageOf(child))
    },
    close: () => ended(child),
  }
}

export async function otelUndici(): Promise<Experiment> {
  const { origin, seen, close } = await startServer()
  const arms = {
    bare: remoteArm('bare', origin),
    ours: remoteArm('ours', origin),
    OpenTelemetry: remoteArm('spans', origin),
    'OpenTelemetry without spans': remoteArm('no spans', origin),
    'OpenTelemetry with an exporter': remoteArm('exported', origin),
    again: remoteArm('bare', origin),
  }
  const sent = {
    bare: '',
    ours: 'key',
    OpenTelemetry: 'baggage',
    'OpenTelemetry without spans': 'baggage',
    'OpenTelemetry with an exporter': 'baggage',
    again: '',
  } as const
  await checkArms(arms, sent, seen)
  return {
    arms,
    figures: [
      { name: 'otel-undici', of: 'OpenTelemetry', timesWhat: 'ours', addsTo: 'bare' },
      { name: 'otel-undici-no-spans', of: 'OpenTelemetry without spans', timesWhat: 'ours', addsTo: 'bare' },
      { name: 'otel-undici-exporter', of: 'OpenTelemetry with an exporter', timesWhat: 'ours', addsTo: 'bare' },
      { name: 'otel-undici-noise', of: 'again', to: 'bare' },
    ],
    close: async () => {
      await Promise.all(Object.values(arms).map((arm) => arm.close()))
      await close()
    },
  }
}
