/** One writer at a time per bare repository, so that every change of refs has exactly one author. */
const tails = new Map<string, Promise<void>>();

/** Runs `work` after everything that asked for this directory before; frees it whatever happens. */
export async function exclusive<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const before = tails.get(directory) ?? Promise.resolve();
  const { promise: mine, resolve: release } = Promise.withResolvers<void>();
  tails.set(directory, mine);
  await before;
  try {
    return await work();
  } finally {
    release();
    if (tails.get(directory) === mine) tails.delete(directory);
  }
}
