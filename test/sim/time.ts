/**
 * Virtual time: a queue of what will happen, ordered by time, then by a seeded tie-break. One thing happens at
 * a time, and all that follows from it without waiting is over before the next one. An hour in which nothing
 * happens costs nothing.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Random } from "./random.ts";

export interface VirtualTime {
  /** Ms since 1970. */
  readonly now: () => number;
  /** Returns the function that cancels. */
  after(delayMs: number, happen: () => void): () => void;
  /** Lets the next thing happen; false = nothing will, or not before `until`. */
  step(until: number): Promise<boolean>;
  readonly steps: number;
}

interface Planned {
  readonly at: number;
  readonly tie: number;
  readonly n: number;
  happen: (() => void) | null;
}

export function openTime(start: number, random: Random): VirtualTime {
  const heap: Planned[] = [];
  let now = start;
  let n = 0;
  let steps = 0;
  return {
    now: () => now,
    after(delayMs, happen) {
      n += 1;
      const planned: Planned = { at: now + Math.max(0, delayMs), tie: random.next(), n, happen };
      push(heap, planned);
      return () => {
        planned.happen = null;
      };
    },
    async step(until) {
      for (;;) {
        const [first] = heap;
        if (first === undefined || first.at > until) {
          now = Math.max(now, Number.isFinite(until) ? until : now);
          return false;
        }
        pop(heap);
        if (first.happen === null) continue;
        now = Math.max(now, first.at);
        steps += 1;
        first.happen();
        // Everything asynchronous in the simulation is microtasks: one turn of the loop ends them all.
        await turn();
        return true;
      }
    },
    get steps() {
      return steps;
    },
  };
}

const before = (a: Planned, b: Planned): boolean =>
  a.at !== b.at ? a.at < b.at : a.tie !== b.tie ? a.tie < b.tie : a.n < b.n;

function push(heap: Planned[], planned: Planned): void {
  let at = heap.push(planned) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const other = heap[parent];
    if (other === undefined || !before(planned, other)) break;
    heap[at] = other;
    at = parent;
  }
  heap[at] = planned;
}

function pop(heap: Planned[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    const right = left + 1;
    const [l, r] = [heap[left], heap[right]];
    if (l === undefined) break;
    const [child, smaller] = r !== undefined && before(r, l) ? [right, r] : [left, l];
    if (!before(smaller, last)) break;
    heap[at] = smaller;
    at = child;
  }
  heap[at] = last;
}
