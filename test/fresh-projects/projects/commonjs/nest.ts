// A Nest application as its generator makes one: decorators, CommonJS, the classic resolution of modules.
import 'reflect-metadata'
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Injectable,
  Module,
  Param,
  Post,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { affinityFetch, runWithoutSession } from 'llm-affinity'
import { serverSessions } from 'llm-affinity/server'

const send = affinityFetch()
const sessions = serverSessions({ secret: 'a secret of the test' })

@Injectable()
class Model {
  async ask(): Promise<string> {
    return (await send(`${process.env.GATEWAY}/v1/models`)).text()
  }
}

@Injectable()
class Authentication implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest()
    request.user = { id: request.headers['x-user'] }
    return true
  }
}

const conversation = sessions.nest((context: ExecutionContext) => {
  const request = context.switchToHttp().getRequest()
  return { user: request.user.id, conversation: request.params.id }
})

@Controller('chat')
@UseGuards(Authentication)
@UseInterceptors(conversation)
class Chat {
  constructor(private readonly model: Model) {}

  @Post(':id')
  async turn(@Param('id') id: string): Promise<string> {
    await this.model.ask()
    await runWithoutSession(() => this.model.ask())
    return id
  }
}

@Module({ controllers: [Chat], providers: [Model, Authentication] })
class App {}

async function main(): Promise<void> {
  const app = await NestFactory.create(App, { logger: ['error'] })
  await app.listen(0, '127.0.0.1')
  const url = await app.getUrl()
  for (const user of ['alice', 'bob']) {
    const response = await fetch(`${url}/chat/conversation-42`, { method: 'POST', headers: { 'x-user': user } })
    console.log(await response.text())
  }
  await app.close()
}

main()
