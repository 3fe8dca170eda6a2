/**
 * What the invariants look at: GitHub as it is, the control plane's rows, the runners' records. The simulation
 * and the real-process chaos give the same things, so that the same invariants judge both.
 */
import type { Effect } from "../../src/domain/effect.ts";
import type { Exhausted } from "../../src/domain/limit.ts";
import type { Objective } from "../../src/domain/objective.ts";
import type { Comment, Issue, Pull } from "../../src/emulator/model.ts";
import { readArrivals } from "../../src/store/arrival.ts";

export interface EffectRow {
  readonly key: string;
  readonly seq: number;
  readonly objective: string | null;
  readonly state: "pending" | "done" | "refused" | "dead" | "replaced";
  readonly effect: Effect;
}

export interface RunnerEvidence {
  readonly name: string;
  readonly slots: number;
  /** Attempts with a process now. */
  readonly processes: readonly { readonly session: string; readonly attempt: number }[];
  /** Under which control plane's epoch attempts were taken on, in order. A preparation may outlive its control plane. */
  readonly begun: readonly {
    readonly session: string;
    readonly attempt: number;
    readonly epoch: number;
  }[];
  /** The agent's own record. */
  readonly output: (session: string, attempt: number) => Uint8Array | null;
  /** Texts of the messages an agent took, once per message, in order. */
  readonly taken: (session: string) => readonly string[];
}

export interface TranscriptEvidence {
  readonly session: string;
  readonly attempt: number;
  readonly runner: string;
  /** What we have of it. */
  readonly stored: Uint8Array;
  /** Its end was processed. */
  readonly closed: boolean;
}

export interface IssueEvidence {
  readonly repository: string;
  readonly issue: Issue;
}

export interface PushEvidence {
  readonly at: number;
  readonly repository: string;
  readonly ref: string;
  readonly sha: string;
  /** State of the pull request with this head at that moment; null = there was none. */
  readonly pull: "open" | "merged" | "closed" | null;
  readonly forced: boolean;
  /** It descends from the default branch as it was at some time. */
  readonly rooted: boolean;
}

export interface WriteEvidence {
  readonly at: number;
  readonly repository: string;
  readonly route: string;
  readonly status: number;
}

export interface Evidence {
  /** GitHub's time, ms. */
  readonly now: number;
  readonly appId: number;
  readonly secret: Uint8Array;
  /** Label that makes an issue an objective. */
  readonly label: string;
  readonly issues: readonly IssueEvidence[];
  readonly comments: (issue: Issue) => readonly Comment[];
  readonly pulls: readonly { readonly repository: string; readonly pull: Pull }[];
  readonly objectives: readonly Objective[];
  /** Rows of the audit per objective, by id. */
  readonly audits: ReadonlyMap<string, number>;
  readonly revs: ReadonlyMap<string, number>;
  readonly effects: readonly EffectRow[];
  readonly inboxPending: number;
  /** Agents whose providers' limits were hit; read when it is asked for. */
  readonly exhausted: () => ReadonlyMap<string, Exhausted>;
  /** Read when it is asked for: there are many. */
  readonly deliveries: () => ReadonlyMap<string, "new" | "routed" | "rejected">;
  /** GUIDs that were answered with 2xx. */
  readonly accepted: ReadonlySet<string>;
  /** Slots taken, by runner. */
  readonly slots: ReadonlyMap<string, number>;
  /** Sessions that have one. */
  readonly claimed: ReadonlySet<string>;
  /** Which slot a session holds: `runner/slot`. */
  readonly holders: ReadonlyMap<string, string>;
  /** Runners of which is written down that they cannot be reached. */
  readonly away: ReadonlySet<string>;
  readonly runners: readonly RunnerEvidence[];
  readonly transcripts: readonly TranscriptEvidence[];
  readonly pushes: readonly PushEvidence[];
  /** Writes of our App that GitHub let through or refused for a limit. */
  readonly writes: readonly WriteEvidence[];
  /** Logins whose word counts. */
  readonly trusted: ReadonlySet<string>;
  /** The App may work there now. */
  readonly installed: (repository: string) => boolean;
  /** Comments of ours that a person deleted: their markers' names. */
  readonly deleted: ReadonlySet<string>;
  /** What a control plane wrote into its database after a newer one had taken it over. */
  readonly lateWrites: readonly string[];
  /** A transaction is open. */
  readonly inTransaction: boolean;
  /** How long the control plane has been able to work without a break, ms. */
  readonly upMs: number;
  /** Agents of some runner have lost what they remembered. */
  readonly forgetful: boolean;
  /** GitHub's lists may leave out what is new: the one cause of doubles that cannot be helped. */
  readonly listsLag: boolean;
  /** How often somebody restored an old backup: what came after it is known to GitHub and runners alone. */
  readonly restored: number;
}

/** An invariant: what is wrong, or null. `when`: after everything that happens, or when all has settled. */
export interface Invariant {
  readonly name: string;
  /** Number in the list of docs/reliability.md. */
  readonly number: number;
  readonly when: "always" | "settled";
  /** May keep what it saw between checks in `memory`. */
  readonly check: (evidence: Evidence, memory: Map<string, string>) => string | null;
}

/** First thing that is wrong in a list of findings. */
export const first = <T>(list: readonly T[], wrong: (one: T) => string | null): string | null => {
  for (const one of list) {
    const found = wrong(one);
    if (found !== null) return found;
  }
  return null;
};

/** What both the simulation and the chaos read from the database. */
export type StoredRows = Pick<
  Evidence,
  | "objectives"
  | "revs"
  | "audits"
  | "effects"
  | "inboxPending"
  | "slots"
  | "claimed"
  | "holders"
  | "away"
>;

/** Deliveries in a file of webhooks: not routed yet, unless the database knows better. */
export const arrivedIn = (file: Uint8Array): readonly (readonly [string, "new"])[] =>
  readArrivals(file).map(({ guid }) => [guid, "new"] as const);
