/**
 * All invariants, and how they are checked. 25 to 28 (secrets, tokens, permissions, rendered text) are not here: their
 * tests stand in test/markdown, test/github and test/e2e/trust.test.ts. 31 to 34 compare whole runs: test/sim.
 */
import * as delivery from "./delivery.ts";
import type { Evidence, Invariant } from "./evidence.ts";
import * as github from "./github.ts";
import * as objectives from "./objectives.ts";

const INVARIANTS: readonly Invariant[] = [
  ...Object.values(objectives),
  ...Object.values(github),
  ...Object.values(delivery),
].toSorted((a, b) => a.number - b.number);

export interface Violation {
  readonly invariant: string;
  readonly detail: string;
}

/** Checks what has to hold now; keeps what invariants remember between checks. */
export function openChecker(): (evidence: Evidence, settled: boolean) => Violation | null {
  const memories = new Map(INVARIANTS.map(({ name }) => [name, new Map<string, string>()]));
  return (evidence, settled) => {
    for (const { name, number, when, check } of INVARIANTS) {
      if (when === "settled" && !settled) continue;
      const detail = check(evidence, memories.get(name) ?? new Map());
      if (detail !== null) return { invariant: `${number}: ${name}`, detail };
    }
    return null;
  };
}
