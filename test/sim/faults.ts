/**
 * What may go wrong, by name. Each seed switches whole kinds off (swarm testing, Groce et al., ISSTA 2012): a
 * rare fault is found more often where others do not stand in its way. Every fault that happened is numbered, so
 * that a failing run can be repeated without some of them.
 */
import type { Random } from "./random.ts";

/** Kind → how often it happens at one opportunity, when the kind is on. */
export const FAULTS = {
  // Calls to GitHub.
  "call refused": 0.02,
  "call failed before": 0.02,
  "call failed after": 0.03,
  "answer lost": 0.03,
  "call slow": 0.05,
  "secondary limit": 0.004,
  "too many requests": 0.004,
  "token expired": 0.003,
  "lists lag": 0.15,
  // Webhooks.
  "webhook lost": 0.1,
  "webhook doubled": 0.1,
  "webhook late": 0.05,
  "webhooks out of order": 0.1,
  // Runners.
  "connection cut": 0.004,
  "runner partitioned": 0.001,
  "reply lost": 0.01,
  "daemon restarted": 0.002,
  "host rebooted": 0.0008,
  "host lost its disk": 0.0003,
  "runner disk full": 0.02,
  "runner disk slow": 0.02,
  "version skew": 0.001,
  "checkout failed": 0.02,
  "runner slow": 0.05,
  // Agents.
  "agent crashes": 0.01,
  "agent silent": 0.02,
  "agent chatty": 0.1,
  "agent asks": 0.15,
  "agent dies asking": 0.03,
  "agent loops": 0.02,
  "agent fails turn": 0.03,
  "agent reports nothing": 0.03,
  "agent hostile": 0.1,
  // People.
  "label storm": 0.02,
  "issue edited": 0.03,
  "issue closed": 0.01,
  "issue deleted": 0.002,
  "issue transferred": 0.002,
  "comment edited": 0.05,
  "our comment deleted": 0.01,
  "stranger comments": 0.1,
  "answered twice": 0.1,
  "person pushes": 0.05,
  "pull request closed": 0.03,
  "merged early": 0.05,
  "branch deleted": 0.01,
  "permission taken": 0.003,
  "app uninstalled": 0.001,
  // Operators and their machine.
  "killed at a call": 0.002,
  "killed at a transaction": 0.0005,
  killed: 0.01,
  terminated: 0.005,
  "old backup restored": 0.002,
  "second control plane": 0.004,
  "clock jumps": 0.002,
  "machine sleeps": 0.002,
  "disk full": 0.001,
  "github down": 0.001,
  // New kinds come last: the swarms of seeds that are kept stay as they are.
  "agent dies before reading": 0.01,
  "runner lost": 0.01,
  "taken over": 0.03,
  "agent hits limit": 0.02,
} as const;

const OFTEN = 10;

export type FaultKind = keyof typeof FAULTS;

export interface Faults {
  /** Does it happen now? */
  draw(kind: FaultKind): boolean;
  /** No fault happens from here on. */
  end(): void;
  readonly kinds: readonly FaultKind[];
  /** Those that happened: number and kind. */
  readonly happened: readonly { readonly n: number; readonly kind: FaultKind }[];
}

export interface FaultOptions {
  readonly kinds: readonly FaultKind[];
  /** Numbers of faults that must not happen; for shrinking. */
  readonly without?: ReadonlySet<number>;
  /** These happen several times as often. */
  readonly often?: readonly FaultKind[];
  readonly onFault?: (kind: FaultKind) => void;
}

const allKinds = Object.keys(FAULTS).filter((name): name is FaultKind =>
  Object.hasOwn(FAULTS, name),
);

/** About half of the kinds; one seed in eight has all of them. */
export function swarm(random: Random): readonly FaultKind[] {
  if (random.chance(1 / 8)) return allKinds;
  const share = random.pick([0.2, 0.4, 0.6]);
  return allKinds.filter(() => random.chance(share));
}

export function openFaults(random: Random, options: FaultOptions): Faults {
  const on = new Set<FaultKind>(options.kinds);
  const streams = new Map(allKinds.map((kind) => [kind, random.fork(kind)]));
  const happened: { readonly n: number; readonly kind: FaultKind }[] = [];
  let ended = false;
  let n = 0;
  return {
    draw(kind) {
      if (ended || !on.has(kind)) return false;
      const probability = FAULTS[kind] * (options.often?.includes(kind) === true ? OFTEN : 1);
      if (streams.get(kind)?.chance(probability) !== true) return false;
      n += 1;
      if (options.without?.has(n) === true) return false;
      happened.push({ n, kind });
      options.onFault?.(kind);
      return true;
    },
    end() {
      ended = true;
    },
    kinds: options.kinds,
    happened,
  };
}
