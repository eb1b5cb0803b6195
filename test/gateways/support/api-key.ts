/** The API key of every client here: the one that LiteLLM's page sets. The other programs take any. */
export const API_KEY = 'sk-a-key-of-your-own'
