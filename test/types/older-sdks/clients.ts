// What compiles in a project with SDKs that bring node-fetch and its types. Apart from the other tests, since these SDKs
// declare the types of browsers.

import Anthropic20 from 'anthropic-0.20'
import Anthropic39 from 'anthropic-0.39'
import Groq from 'groq-sdk-0'
import { affinityFetch, withAffinity } from 'llm-affinity'
import nodeFetch from 'node-fetch3'
import OpenAI20 from 'openai4'
import OpenAI104 from 'openai4-last'
import Together from 'together-ai-0.6'

new OpenAI20({ fetch: affinityFetch() })
new OpenAI104({ fetch: affinityFetch() })
new Anthropic20({ fetch: affinityFetch() })
new Anthropic39({ fetch: affinityFetch() })
new Groq({ fetch: affinityFetch() })
new Together({ fetch: affinityFetch() })

withAffinity(new OpenAI20()).chat.completions
withAffinity(new Anthropic20()).messages

const send: typeof nodeFetch = affinityFetch({ fetch: nodeFetch })
void send
