/** The list of models, with the fields of OpenAI's format and of Anthropic's. */
export function modelList(ids: readonly string[]): object {
  return {
    object: 'list',
    data: ids.map(model),
    has_more: false,
    first_id: ids[0] ?? null,
    last_id: ids.at(-1) ?? null,
  }
}

export function model(id: string): object {
  return {
    id,
    object: 'model',
    created: 0,
    owned_by: 'llm-affinity-testkit',
    type: 'model',
    display_name: id,
    created_at: '1970-01-01T00:00:00Z',
  }
}
