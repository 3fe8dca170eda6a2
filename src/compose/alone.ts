/** Whether another installation of the same App works where we do, for lists of checks. */
import { FOREIGN_MARKS, recentOf, type RecentForeign } from "../github/foreign.ts";
import type { Reading } from "../store/port.ts";
import { realClock } from "./clock.ts";

interface Alone {
  readonly ok: boolean;
  readonly found: string;
}

export const aloneOf = (recent: RecentForeign | null): Alone => ({
  ok: recent === null,
  found:
    recent === null
      ? "no other one was seen"
      : `${recent.count} comments of this App by another installation in the last week, or by this one before it lost its data directory, the last one at ${recent.newest}`,
});

/** What was seen by whoever served last. */
export async function readAlone(reading: Pick<Reading, "marks">): Promise<Alone> {
  const marks = await reading.marks(FOREIGN_MARKS);
  const seen = new Map([...marks].map(([key, at]) => [key.slice(FOREIGN_MARKS.length), at]));
  return aloneOf(recentOf(seen, realClock.now()));
}
