/** What the invariants look at in the control plane's database: only what has changed is read again. */
import type { Objective } from "../../src/domain/objective.ts";
import { loadObjective } from "../../src/store/objective-table.ts";
import type { EffectRow, StoredRows } from "../invariants/evidence.ts";
import type { SimPlane } from "./plane.ts";
import { changesOf, query } from "./query.ts";

interface OutboxRow {
  readonly seq: number;
  readonly key: string;
  readonly objective_id: string | null;
  readonly state: EffectRow["state"];
  readonly effect: string;
}

interface ObjectiveRow {
  readonly id: string;
  readonly rev: number;
}

interface Counted {
  readonly name: string;
  readonly count: number;
}

const NOTHING: StoredRows = {
  objectives: [],
  revs: new Map(),
  audits: new Map(),
  effects: [],
  inboxPending: 0,
  slots: new Map(),
  claimed: new Set(),
  holders: new Map(),
  away: new Set(),
};

export class RowReader {
  readonly #plane: SimPlane;
  #sqlite: SimPlane["sqlite"] | null = null;
  readonly #objectives = new Map<string, { readonly rev: number; readonly objective: Objective }>();
  readonly #effects = new Map<number, EffectRow>();
  #open: readonly number[] = [];
  #last = 0;
  #taken = "[]";
  #key = "";
  #rows: StoredRows = NOTHING;

  constructor(plane: SimPlane) {
    this.#plane = plane;
  }

  /** Another one when something has changed. */
  key(): string {
    return `${changesOf(this.#plane.sqlite)}/${this.#plane.lives}`;
  }

  read(): StoredRows {
    const { sqlite, db } = this.#plane;
    if (this.#sqlite !== sqlite) this.#forget();
    this.#sqlite = sqlite;
    const key = this.key();
    if (db === null || key === this.#key) return this.#rows;
    this.#key = key;
    const [waiting] = query<{ readonly count: number }>(
      sqlite,
      "select count(*) as count from inbox where state = 'pending'",
    );
    this.#rows = {
      ...this.#readObjectives(db),
      effects: this.#readEffects(),
      inboxPending: waiting?.count ?? 0,
      ...this.#readSlots(),
      away: this.#readAway(),
    };
    return this.#rows;
  }

  #forget(): void {
    this.#objectives.clear();
    this.#effects.clear();
    [this.#open, this.#last, this.#taken, this.#key] = [[], 0, "[]", ""];
    this.#rows = NOTHING;
  }

  #readObjectives(
    db: NonNullable<SimPlane["db"]>,
  ): Pick<StoredRows, "objectives" | "revs" | "audits"> {
    const { sqlite } = this.#plane;
    let changed = false;
    for (const { id, rev } of query<ObjectiveRow>(sqlite, "select id, rev from objective")) {
      if (this.#objectives.get(id)?.rev === rev) continue;
      const loaded = loadObjective(db, id);
      if (loaded === null) continue;
      this.#objectives.set(id, { rev, objective: loaded.objective });
      changed = true;
    }
    const { objectives, revs, audits: counted } = this.#rows;
    if (!changed) return { objectives, revs, audits: counted };
    const audits = query<Counted>(
      sqlite,
      "select objective_id as name, count(*) as count from event where objective_id is not null group by objective_id",
    );
    return {
      objectives: [...this.#objectives.values()].map(({ objective }) => objective),
      revs: new Map([...this.#objectives].map(([id, { rev }]) => [id, rev])),
      audits: new Map(audits.map(({ name, count }) => [name, count])),
    };
  }

  /** StoredRows that ended are not read again. */
  #readEffects(): readonly EffectRow[] {
    const rows = query<OutboxRow>(
      this.#plane.sqlite,
      "select seq, key, objective_id, state, effect from outbox where seq > ? or seq in (select value from json_each(?))",
      this.#last,
      JSON.stringify(this.#open),
    );
    let changed = false;
    for (const { seq, key, objective_id: objective, state, effect } of rows) {
      if (this.#effects.get(seq)?.state === state) continue;
      changed = true;
      this.#last = Math.max(this.#last, seq);
      this.#effects.set(seq, {
        seq,
        key,
        objective,
        state,
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the store under test
        effect: JSON.parse(effect) as EffectRow["effect"],
      });
    }
    if (!changed) return this.#rows.effects;
    const effects = [...this.#effects.values()];
    this.#open = effects.filter(({ state }) => state === "pending").map(({ seq }) => seq);
    return effects;
  }

  #readAway(): StoredRows["away"] {
    const rows = query<{ readonly name: string }>(
      this.#plane.sqlite,
      "select name from runner where reach <> 'attached' or state <> 'online'",
    );
    const same =
      rows.length === this.#rows.away.size && rows.every(({ name }) => this.#rows.away.has(name));
    return same ? this.#rows.away : new Set(rows.map(({ name }) => name));
  }

  #readSlots(): Pick<StoredRows, "slots" | "claimed" | "holders"> {
    const rows = query<{
      readonly runner: string;
      readonly slot: number;
      readonly session: string;
    }>(this.#plane.sqlite, "select runner, slot, session_id as session from slot");
    const taken = JSON.stringify(rows);
    if (taken === this.#taken) {
      const { slots, claimed, holders } = this.#rows;
      return { slots, claimed, holders };
    }
    this.#taken = taken;
    const slots = new Map<string, number>();
    for (const { runner } of rows) slots.set(runner, (slots.get(runner) ?? 0) + 1);
    return {
      slots,
      claimed: new Set(rows.map(({ session }) => session)),
      holders: new Map(rows.map(({ runner, slot, session }) => [session, `${runner}/${slot}`])),
    };
  }
}
