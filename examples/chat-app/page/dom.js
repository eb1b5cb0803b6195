/** The element with this id. */
export const byId = (id) => document.getElementById(id)

/** A new element with these properties, and these children: elements or text. */
export function element(name, properties = {}, ...children) {
  const { data = {}, ...rest } = properties
  const made = Object.assign(document.createElement(name), rest)
  Object.assign(made.dataset, data)
  made.append(...children)
  return made
}

/** The colour of a conversation, as a class. */
export const hue = ({ number }) => `hue-${(number - 1) % 8}`
