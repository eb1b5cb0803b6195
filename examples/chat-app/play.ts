import { setTimeout as sleep } from 'node:timers/promises'
import type { Chats } from './chats.ts'
import type { Conversation } from './conversation.ts'

/** What five users say, whatever they are answered: a first message with something to read in it, and three more. */
const SCRIPTS: readonly (readonly string[])[] = [
  [
    'Plan three days in Oslo for us. We are two adults and a child of six, we arrive on Friday at noon by train and leave on Sunday evening. We like boats, museums where one may touch things, and cinnamon buns. We do not like queues. Last year we were in Bergen, where it rained all week and we enjoyed the aquarium, the funicular and the fish market, in that order. The child can walk about five kilometres a day if there is a playground on the way. Our hotel is behind the station and has breakfast until ten.',
    '/research which museums in Oslo are open on Sunday',
    'What can we do if it rains on Saturday?',
    'Write the plan as a list that I can print.',
  ],
  [
    'This is the incident report of last night, please help me to find the cause. At 02:10 the queue of the importer began to grow. At 02:14 the first worker was killed because it had used all of its memory. At 02:15 the orchestrator started it again, and it was killed again after forty seconds. At 02:31 the person on call doubled the memory of all workers, and the queue became shorter until 02:50. At 03:05 it grew again. The release of the evening before had changed the parser of invoices, and one supplier sends files of two gigabytes on the first of each month.',
    '/research how to parse large files as a stream',
    'Which graph should I look at first?',
    'Write three sentences for the status page.',
  ],
  [
    'Please read the first paragraph of my story and tell me what you think. The lighthouse had been sold twice that year, and neither of the owners had ever seen it. It stood on a rock that disappeared at high tide, so that from the village it looked as if someone had left a candle on the sea. Marta rowed there every Thursday with bread, batteries and the newspaper of the week before, which nobody on the rock had asked for. She left all of it on the lowest step. On the next Thursday the step was always empty, and the newspaper had been folded along other lines.',
    '/research who looked after lighthouses before they were automatic',
    'Should the reader know who lives there?',
    'Give me a sentence for the end of the chapter.',
  ],
  [
    'I want to bake bread without a machine and I have never done it before. In the house there are two kilograms of wheat flour, some rye flour, dry yeast, salt, honey, sunflower seeds and a cast iron pot with a lid. The oven is old and is about twenty degrees colder than it says. I have an hour in the evening and half an hour in the morning, and the kitchen is cold at night. My daughter eats no seeds, my neighbour eats nothing else, and I would like to give one of the two loaves to the neighbour while it is still warm.',
    '/research how long dough can rest in the cold',
    'When do I have to begin on Friday?',
    'Write down the amounts for both loaves.',
  ],
  [
    'Help me to choose a bicycle for the way to work. It is nine kilometres in each direction, four of them along a river on gravel, two through the old town on cobblestones and the rest on a road with a lane for bicycles. There is a hill of eighty metres just before the end, and I would like to arrive without having to change my shirt. I can carry it up one floor if it is not heavier than sixteen kilograms. Two panniers should fit, and in winter there is salt on the roads. My old bicycle is from 1994 and all of its parts are worn.',
    '/research belts and chains on salted roads',
    'Do I need an electric motor for that hill?',
    'Compare the two best ones in a small table.',
  ],
]

/** Plays all of these conversations at the same time. Ends early, after the turns under way, when the app does. */
export async function playAll(
  chats: Chats,
  takeTurn: (conversation: Conversation, said: string) => Promise<void>,
  pauseMs: number,
  signal: AbortSignal,
): Promise<void> {
  chats.set({ playing: true })
  const play = async (script: readonly string[], index: number): Promise<void> => {
    const conversation = chats.create()
    await sleep((pauseMs * index) / SCRIPTS.length)
    for (const said of script) {
      if (signal.aborted) return
      await takeTurn(conversation, said)
      await sleep(pauseMs)
    }
  }
  await Promise.all(SCRIPTS.map(play))
  chats.set({ playing: false })
}
