/** Waiting time before try `tries + 1`, in ms: doubles from half a second to five minutes. No jitter: the caller is one process. */
export const backoffMs = (tries: number, { firstMs = 500, mostMs = 5 * 60_000 } = {}): number =>
  Math.min(mostMs, firstMs * 2 ** Math.min(Math.max(tries, 1) - 1, 30));
