/**
 * Why a session that is ready does not run yet. A value of the scheduler, kept with the session; its class says whether
 * it is another one: numbers that only move (a load) do not make a new class.
 */
import { isBelow, type Candidate, type Snapshot } from "./schedule.ts";
import { gateOf, GATE_LIMITS, loadPerCore, type Gate } from "./gates.ts";
import { freeSlots, hasLabels, type RunnerSnapshot } from "./runner.ts";
import { clock } from "./time.ts";

export type Reason =
  | { readonly kind: "no-runner" }
  | { readonly kind: "labels"; readonly labels: readonly string[] }
  /** The one it is bound to takes nothing; `is` in people's words. */
  | { readonly kind: "runner"; readonly runner: string; readonly is: string }
  /** `runner` null = on all that would do. */
  | { readonly kind: "slots"; readonly slots: number; readonly runner: string | null }
  | {
      readonly kind: "limit";
      readonly of: "objective" | "repository" | "all";
      readonly most: number;
    }
  | {
      readonly kind: "gate";
      readonly gate: Gate;
      readonly runner: string;
      readonly load: number;
    };

/** Equal for reasons that need no new word. */
export function classOf(reason: Reason): string {
  switch (reason.kind) {
    case "gate":
      return `gate ${reason.gate}`;
    case "labels":
      return `labels ${reason.labels.join()}`;
    case "runner":
      return `runner ${reason.runner} ${reason.is}`;
    case "slots":
      return `slots ${reason.slots} ${reason.runner ?? ""}`;
    case "limit":
      return `limit ${reason.of} ${reason.most}`;
    case "no-runner":
      return reason.kind;
  }
}

/** null = nothing is in its way: its turn comes. */
export function reasonOf(candidate: Candidate, snapshot: Snapshot): Reason | null {
  const { runners } = snapshot;
  if (runners.length === 0) return { kind: "no-runner" };
  return (
    limitOf(candidate, snapshot) ??
    (candidate.pin === null ? anywhere(candidate, snapshot) : pinnedTo(candidate.pin, snapshot))
  );
}

function limitOf(candidate: Candidate, snapshot: Snapshot): Reason | null {
  const { sessionsMax, repositoryMax, workersMax } = isBelow(candidate, snapshot);
  if (!workersMax) return { kind: "limit", of: "objective", most: candidate.workersMax };
  if (!repositoryMax)
    return { kind: "limit", of: "repository", most: Number(candidate.sessionsMax) };
  if (!sessionsMax) return { kind: "limit", of: "all", most: Number(snapshot.limits?.sessionsMax) };
  return null;
}

function pinnedTo(name: string, { runners }: Snapshot): Reason | null {
  const runner = runners.find((one) => one.name === name);
  if (runner === undefined) return { kind: "runner", runner: name, is: "not registered" };
  const is = stateOf(runner);
  if (is !== null) return { kind: "runner", runner: name, is };
  if (freeSlots(runner).length > 0) return null;
  return { kind: "slots", slots: runner.slots, runner: name };
}

function anywhere({ labels = [] }: Candidate, snapshot: Snapshot): Reason | null {
  const { runners, samples, limits } = snapshot;
  const fit = runners.filter((runner) => hasLabels(runner, labels));
  const [first] = fit;
  if (first === undefined) return { kind: "labels", labels };
  const open = fit.filter((runner) => stateOf(runner) === null);
  const is = stateOf(first);
  if (is !== null && open.length === 0) return { kind: "runner", runner: first.name, is };
  const free = open.filter((runner) => freeSlots(runner).length > 0);
  if (free.length === 0)
    return { kind: "slots", slots: open.reduce((sum, { slots }) => sum + slots, 0), runner: null };
  let busy: Reason | null = null;
  for (const { name } of free) {
    const sample = samples?.get(name);
    const gate = gateOf(sample, limits ?? GATE_LIMITS);
    if (gate === null || sample === undefined) return null;
    busy ??= { kind: "gate", gate, runner: name, load: loadPerCore(sample) };
  }
  return busy;
}

/** In people's words; null = it takes sessions. */
function stateOf({ state, reach = "attached", since }: RunnerSnapshot): string | null {
  if (state !== "online") return state;
  if (reach === "attached") return null;
  return since === undefined ? reach : `${reach} since ${clock(since)}`;
}

/** For a sentence that begins with "waits": "all 4 slots are taken". */
export function reasonWords(reason: Reason): string {
  switch (reason.kind) {
    case "no-runner":
      return "no runner is registered (orcha runner add NAME ssh://user@host)";
    case "labels":
      return `no runner has the labels ${reason.labels.join(", ")}`;
    case "runner":
      return `runner ${reason.runner} is ${reason.is}`;
    case "slots": {
      const all = reason.slots === 1 ? "the one slot is" : `all ${reason.slots} slots are`;
      return `${all} taken${reason.runner === null ? "" : ` on ${reason.runner}`}`;
    }
    case "limit":
      return `${reason.of === "all" ? "at most" : `this ${reason.of} has its limit of`} ${reason.most} ${reason.most === 1 ? "session" : "sessions"} at a time`;
    case "gate":
      return reason.gate === "load"
        ? `every free machine is busy (load ${reason.load.toFixed(1)} per core on ${reason.runner})`
        : `every free machine is short of disk space (${reason.runner})`;
  }
}
