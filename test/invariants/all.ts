/**
 * All invariants, and how they are checked. 25 to 28 (secrets, tokens, permissions, rendered text) are not here: their
 * tests stand in test/markdown, test/github and test/e2e/trust.test.ts. 31 to 34 compare whole runs: test/sim.
 */
import * as delivery from "./delivery.ts";
import type { Evidence, Invariant } from "./evidence.ts";
import * as github from "./github.ts";
import * as limits from "./limits.ts";
import * as objectives from "./objectives.ts";

const INVARIANTS: readonly Invariant[] = [
  ...Object.values(objectives),
  ...Object.values(github),
  ...Object.values(delivery),
  ...Object.values(limits),
].toSorted((a, b) => a.number - b.number);

export interface Violation {
  readonly invariant: string;
  readonly detail: string;
}

/** What an invariant looked at when it last held; empty = it is to be checked. */
type Looked = Map<keyof Evidence, unknown>;

/**
 * Checks what has to hold now; keeps what invariants remember between checks. An invariant is skipped as long as all that
 * it looked at is still the same object: it would find the same.
 */
export function openChecker(): (evidence: Evidence, settled: boolean) => Violation | null {
  const checked = INVARIANTS.map((invariant) => ({
    invariant,
    memory: new Map<string, string>(),
    looked: new Map() as Looked,
  }));
  return (evidence, settled) => {
    for (const { invariant, memory, looked } of checked) {
      const { name, number, when, check } = invariant;
      if (when === "settled" ? !settled : !settled && isSame(evidence, looked)) continue;
      const detail = check(watched(evidence, looked), memory);
      if (detail === null) continue;
      // Not skipped next time: it would be wrong still.
      looked.clear();
      return { invariant: `${number}: ${name}`, detail };
    }
    return null;
  };
}

function isSame(evidence: Evidence, looked: Looked): boolean {
  if (looked.size === 0) return false;
  for (const [name, value] of looked) if (!Object.is(evidence[name], value)) return false;
  return true;
}

/** The evidence; what is looked at is noted in `looked`. */
function watched(evidence: Evidence, looked: Looked): Evidence {
  looked.clear();
  return new Proxy(evidence, {
    get(_, name: keyof Evidence) {
      const value = evidence[name];
      looked.set(name, value);
      return value;
    },
  });
}
