/**
 * Giving free slots to waiting sessions: snapshot, schedule, claims. And taking the next thing to do from inbox and
 * outbox. Each with few and with many that wait: what counts is that it costs the same. The database is in memory, so
 * that no disk hides a difference.
 */
import { tick } from "../src/engine/tick.ts";
import { crowd, openCrowded, SLOTS, type Crowded } from "./crowd.ts";
import { interleaved, median, pick, ratios, short, spreadOf, type Scale } from "./measure.ts";
import { fillLanes, type Shape } from "./lanes.ts";
import type { Figure } from "./table.ts";

const PER_OBJECTIVE = 10;
const FLAT = 1.2;
const nobody: ReadonlySet<string> = new Set();

export async function dispatch(scale: Scale): Promise<readonly Figure[]> {
  const sizes = pick(scale, [100, 10_000, 100_000], [20, 100, 200]);
  return [...(await placing(scale, sizes)), ...(await taking(scale, sizes))];
}

async function placing(scale: Scale, sizes: readonly number[]): Promise<readonly Figure[]> {
  await using stack = new AsyncDisposableStack();
  const cycles = pick(scale, 300, 3);
  const candidates: Record<string, () => Promise<number>> = {};
  for (const size of sizes) {
    const crowded = stack.use(
      await openCrowded(":memory:", crowd(size / PER_OBJECTIVE, PER_OBJECTIVE)),
    );
    candidates[size] = () => microsecondsPerClaim(crowded, cycles);
  }
  const values = await interleaved(pick(scale, 9, 1), candidates);
  return comparisons("placing a session", "queued", sizes, values);
}

/** Fills the slots and empties them again; only the filling counts. */
async function microsecondsPerClaim(crowded: Crowded, cycles: number): Promise<number> {
  const { sqlite } = crowded;
  const emptySlots = sqlite.prepare("delete from slot");
  const endItems = sqlite.prepare("update inbox set state = 'done' where state = 'pending'");
  let ms = 0;
  for (let cycle = 0; cycle < cycles; cycle++) {
    const began = performance.now();
    const placed = await tick(crowded);
    ms += performance.now() - began;
    if (placed !== SLOTS) throw new Error(`${placed} of ${SLOTS} slots were filled`);
    emptySlots.run();
    endItems.run();
  }
  return (1000 * ms) / (cycles * SLOTS);
}

async function taking(scale: Scale, sizes: readonly number[]): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const shape of ["lanes", "one-lane", "done"] as const)
    for (const table of ["inbox", "outbox"] as const) {
      await using stack = new AsyncDisposableStack();
      const candidates: Record<string, () => Promise<number>> = {};
      for (const size of sizes) {
        const crowded = stack.use(await openCrowded(":memory:", []));
        fillLanes(crowded.sqlite, table, shape, size);
        candidates[size] = () => microsecondsPerTake(crowded, table, pick(scale, 400, 3));
      }
      const values = await interleaved(pick(scale, 9, 1), candidates);
      figures.push(...comparisons(`taking from the ${table}`, WORDS[shape], sizes, values));
    }
  return figures;
}

const WORDS: Readonly<Record<Shape, string>> = {
  lanes: "pending, a lane each",
  "one-lane": "pending in one lane",
  done: "done, 16 pending",
};

async function microsecondsPerTake(
  { store, clock }: Crowded,
  table: "inbox" | "outbox",
  times: number,
): Promise<number> {
  const request = () => ({ now: clock.now(), limit: 16, busy: nobody });
  const began = performance.now();
  for (let time = 0; time < times; time++)
    await (table === "inbox" ? store.takeInbox(request()) : store.takeOutbox(request()));
  return (1000 * (performance.now() - began)) / times;
}

/** Everything larger beside the smallest. */
function comparisons(
  what: string,
  kind: string,
  [least = 0, ...more]: readonly number[],
  values: Readonly<Record<string, readonly number[]>>,
): readonly Figure[] {
  const small = values[least] ?? [];
  return more.map((size) => {
    const large = values[size] ?? [];
    return {
      what: `${what}: ${size.toLocaleString("en")} ${kind}`,
      ours: `${short(median(large))} µs`,
      against: `${least} ${kind.split(",")[0]}: ${short(median(small))} µs`,
      ratio: median(ratios(large, small)),
      spread: spreadOf(ratios(large, small)),
      aim: { most: FLAT },
    };
  });
}
