// Jobs of a queue in a real Redis. What the application has written into a job says whose conversation it is.

import { Queue, QueueEvents, Worker } from 'bullmq'
import { sessions, turn } from './app.mjs'

const [, name] = process.argv.slice(2)
const connection = { host: '127.0.0.1', port: Number(process.env.REDIS), maxRetriesPerRequest: null }
const queue = new Queue('turns', { connection })
const events = new QueueEvents('turns', { connection })
const worker = new Worker(
  'turns',
  (job) =>
    sessions.run(job.data.conversation === undefined ? undefined : job.data, async () => {
      const { user, conversation } = job.data
      await turn(conversation === undefined ? 'nobody' : `${user} / ${conversation}`, name)
      await job.updateProgress(50)
      await turn(conversation === undefined ? 'nobody' : `${user} / ${conversation}`, name)
    }),
  { connection, concurrency: 8 },
)
const jobs = Array.from({ length: 50 }, (_, i) => ({
  name: 'turn',
  data: i % 10 === 9 ? {} : { user: `user of token-${i % 3}`, conversation: `conversation-${i}` },
}))
const added = await queue.addBulk(jobs)
await Promise.all(added.map((job) => job.waitUntilFinished(events)))
await worker.close()
await events.close()
await queue.close()
