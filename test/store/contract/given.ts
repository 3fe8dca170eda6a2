/** What the parts of the contract begin with. */
import type { ObjectiveEvent } from "../../../src/domain/event.ts";
import type { Objective } from "../../../src/domain/objective.ts";
import { emitted, type Emitted } from "../../../src/domain/step.ts";
import type {
  Commit,
  InboxItem,
  Loaded,
  NewItem,
  Store,
  Subject,
} from "../../../src/store/port.ts";
import { ISSUE, repository } from "../../domain/cast.ts";
import { effects, events } from "../examples.ts";

export type Open = () => Promise<Store>;
export const nobody: ReadonlySet<string> = new Set();
export const issue: Subject = { kind: "issue", number: ISSUE };

export const item = (key: string, event: ObjectiveEvent, subject: Subject = issue): NewItem => ({
  key,
  repository,
  subject,
  event,
});

export const take = (store: Store, now = 1, limit = 9): Promise<readonly InboxItem[]> =>
  store.takeInbox({ now, limit, busy: nobody });

/** Commits this objective as if one event had made it so. */
export async function put(
  store: Store,
  objective: Objective | null,
  change: Partial<Commit> & { readonly key?: string } = {},
): Promise<boolean> {
  const { key = `put-${Math.random()}`, ...others } = change;
  await store.enqueue([item(key, events["timer-fired"])], 1);
  const [taken] = await take(store);
  if (taken === undefined) throw new Error("nothing to commit");
  const before = await store.load(issue, repository);
  const nothing = { effects: [], timers: [], notes: ["a note"], facts: {} };
  return store.commit({ item: taken, now: 1, before, objective, ...nothing, ...others });
}

export const effect = (key: string, kind: keyof typeof effects, change: object = {}): Emitted =>
  emitted({ ...effects[kind], ...change }, key);

export const loaded = async (store: Store): Promise<Loaded> => {
  const found = await store.load(issue, repository);
  if (found === null) throw new Error("there is no objective");
  return found;
};
