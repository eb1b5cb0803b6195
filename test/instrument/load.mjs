/** Imports a package of the workspace, or one that install.ts has brought. */
export async function load(name) {
  try {
    return await import(name)
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  }
  const installed = await import('./.installed/load.mjs')
  return installed.load(name)
}
