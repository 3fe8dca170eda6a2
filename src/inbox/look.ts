/**
 * One look at one repository: everything that changed since the last one, as the events that webhooks would have
 * brought. Does not decide anything and keeps nothing but where it stopped. Bounded: what does not fit into one look
 * is for the next.
 */
import type { Repository } from "../domain/repository.ts";
import {
  changedPulls,
  commentFindings,
  labelFinding,
  reviewFindings,
  unwantedIssue,
} from "./findings.ts";
import type { Found } from "./findings.ts";
import { labelKey } from "./keys.ts";
import type { Finding, SweepStore, Watched } from "./port.ts";
import type { FoundIssue, Listed, Survey } from "./survey.ts";

export interface LookParts {
  readonly survey: Survey;
  readonly store: SweepStore;
  readonly clock: { now(): number };
}

export interface Looked {
  /** Findings that were new. */
  readonly entered: number;
  /** False: there is more than one look takes; look again soon. */
  readonly complete: boolean;
}

/** GitHub's lists lag behind its writes, and its clocks differ: what changed shortly before the last look is read again. */
const OVERLAP_MS = 10 * 60_000;
/** 100 entries each. */
const PAGES_MAX = 10;
/** Labels asked about in one look; each takes two or three requests. */
const LABELS_MAX = 50;
const CHECKED_MAX = 20_000;

/** Issues that were asked about, as they were then: the same one is not asked about twice. */
export type Checked = Map<string, number>;

/**
 * `full`: all labelled issues and all live objectives, whenever they changed. Otherwise what changed since the last look.
 * Throws PortError, then nothing is taken as seen.
 */
export async function lookAt(
  parts: LookParts,
  repository: Repository,
  { full, checked }: { readonly full: boolean; readonly checked: Checked },
): Promise<Looked> {
  const { survey, store } = parts;
  const label = await survey.label(repository);
  const from = await readPosition(store, repository);
  const all = full || from === null;
  const issues = await readList((page) =>
    survey.issues(repository, { label, since: all ? null : from.since, open: all, page }),
  );
  const started = issues.serverTime;
  const watched = await store.watched(repository.id);
  const live = new Map(watched.map((one) => [one.issue, one]));
  const labels = await readLabels(parts, repository, label, {
    issues: issues.entries,
    live,
    checked,
    now: started,
  });
  const changed = await readChanges(parts, repository, watched, {
    since: from?.since ?? (started === null ? null : started - OVERLAP_MS),
    asked: watched.length > 0 || labels.found.length > 0,
  });
  const unwanted = await readUnwanted(parts, repository, {
    label,
    live,
    issues: issues.entries,
    all,
  });
  const talkedOf = new Set([...live.keys(), ...labels.found.map(({ issue }) => issue.number)]);
  const found = [
    ...labels.found.map(({ issue, by }) => labelFinding(repository, issue, by, label)),
    ...changed.comments.flatMap((comment) => commentFindings(repository, comment, talkedOf)),
    ...reviewFindings(repository, changed.reviews),
    ...changedPulls(repository, watched, changed.pulls),
    ...unwanted,
  ];
  const entered = await enter(parts, found);
  if (checked.size >= CHECKED_MAX) checked.clear();
  for (const [name, updatedAt] of labels.asked) checked.set(name, updatedAt);
  const resume = changed.resume ?? (all ? null : issues.resume);
  await writePosition(store, repository, started, resume);
  return { entered, complete: labels.complete && resume === null };
}

interface Position {
  readonly since: number;
}

/** Full lists are read in pages of the same address until something is new: the overlap moves in steps. */
async function readPosition(store: SweepStore, { id }: Repository): Promise<Position | null> {
  const [at, behind] = (await store.mark(`sweep:${id}`))?.split(" ") ?? [];
  const time = Number(at);
  if (at === undefined || !Number.isFinite(time)) return null;
  const since =
    behind === "behind" ? time : Math.floor((time - OVERLAP_MS) / OVERLAP_MS) * OVERLAP_MS;
  return { since };
}

async function writePosition(
  store: SweepStore,
  { id }: Repository,
  started: number | null,
  resume: number | null,
): Promise<void> {
  if (resume !== null) await store.setMark(`sweep:${id}`, `${resume} behind`);
  else if (started !== null) await store.setMark(`sweep:${id}`, String(started));
}

interface Read<T> {
  readonly entries: readonly T[];
  /** GitHub's time of the first page. */
  readonly serverTime: number | null;
  /** Where to go on when this was not all. */
  readonly resume: number | null;
}

async function readList<T extends { readonly updatedAt: number }>(
  list: (page: number) => Promise<Listed<T>>,
): Promise<Read<T>> {
  const entries: T[] = [];
  let serverTime: number | null = null;
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const listed = await list(page);
    if (page === 1) ({ serverTime } = listed);
    entries.push(...listed.entries);
    if (!listed.more) return { entries, serverTime, resume: null };
  }
  return { entries, serverTime, resume: entries.at(-1)?.updatedAt ?? null };
}

interface Labels {
  readonly found: readonly {
    readonly issue: FoundIssue;
    readonly by: NonNullable<Awaited<ReturnType<Survey["labelledBy"]>>>;
  }[];
  readonly asked: readonly (readonly [string, number])[];
  readonly complete: boolean;
}

/** Labelled and open, and nobody works on it: whose label is it, and has it been seen? */
async function readLabels(
  { survey, store }: LookParts,
  repository: Repository,
  label: string,
  given: {
    readonly issues: readonly FoundIssue[];
    readonly live: ReadonlyMap<number, Watched>;
    readonly checked: Checked;
    /** GitHub's time. */
    readonly now: number | null;
  },
): Promise<Labels> {
  const { checked } = given;
  const nameOf = ({ number }: FoundIssue): string => `${repository.id}#${number}`;
  const candidates = given.issues.filter(
    (issue) =>
      issue.open && !given.live.has(issue.number) && checked.get(nameOf(issue)) !== issue.updatedAt,
  );
  const found: Labels["found"][number][] = [];
  const asked: [string, number][] = [];
  for (const issue of candidates.slice(0, LABELS_MAX)) {
    const by = await survey.labelledBy(repository, issue, label);
    // GitHub's times are whole seconds: within the same one it may still change.
    if (given.now !== null && given.now - issue.updatedAt > SETTLED_MS)
      asked.push([nameOf(issue), issue.updatedAt]);
    if (by === null) continue;
    const seen = await store.entered([labelKey(repository.id, by.event)]);
    const latest = await store.latest(repository, issue.number);
    // The label that started it, when it ended with the label on.
    const old = latest !== null && (latest.live || by.at <= latest.labelledAt + SAME_MS);
    if (seen.size === 0 && !old) found.push({ issue, by });
  }
  return { found, asked, complete: candidates.length <= LABELS_MAX };
}

/** An issue's time and that of the event that changed it may differ by GitHub's second. */
const SAME_MS = 1_000;
/** GitHub's lists lag by seconds. */
const SETTLED_MS = 15_000;

interface Changes {
  readonly comments: readonly Awaited<ReturnType<Survey["comments"]>>["entries"][number][];
  readonly reviews: readonly Awaited<ReturnType<Survey["reviews"]>>[number][];
  readonly pulls: Awaited<ReturnType<Survey["pullStates"]>>;
  readonly resume: number | null;
}

const NOTHING: Changes = { comments: [], reviews: [], pulls: new Map(), resume: null };

/** What people said, and how our pull requests are. Nothing is asked where nobody works. */
async function readChanges(
  { survey }: LookParts,
  repository: Repository,
  watched: readonly Watched[],
  { since, asked }: { readonly since: number | null; readonly asked: boolean },
): Promise<Changes> {
  if (!asked || since === null) return NOTHING;
  const comments = await readList((page) => survey.comments(repository, { since, page }));
  const pulls = watched.flatMap((one) => one.pulls);
  const going = pulls.filter(({ state }) => state === "draft" || state === "open");
  const states = await survey.pullStates(
    repository,
    pulls
      .filter(({ state }) => state !== "merged" && state !== "waived")
      .map(({ number }) => number),
  );
  const inline =
    pulls.length === 0
      ? { entries: [], resume: null }
      : await readList((page) => survey.reviewComments(repository, { since, page }));
  const others = [];
  for (const { number } of going) others.push(...(await survey.reviews(repository, number)));
  const resumes = [comments.resume, inline.resume].filter((time) => time !== null);
  return {
    comments: comments.entries,
    reviews: [...inline.entries, ...others],
    pulls: states,
    resume: resumes.length === 0 ? null : Math.min(...resumes),
  };
}

/** Live objectives whose issue is closed, has lost its label or is gone. */
async function readUnwanted(
  { survey }: LookParts,
  repository: Repository,
  given: {
    readonly label: string;
    readonly live: ReadonlyMap<number, Watched>;
    readonly issues: readonly FoundIssue[];
    readonly all: boolean;
  },
): Promise<readonly Found[]> {
  const listed = new Map(given.issues.map((issue) => [issue.number, issue]));
  const found: Found[] = [];
  for (const [number, one] of given.live) {
    const issue = listed.get(number);
    if (issue?.open === true || (issue === undefined && !given.all)) continue;
    // Lists lag: only what the issue itself says counts.
    const now = await survey.issue(repository, number);
    const cause =
      now === null
        ? "deleted"
        : !now.open
          ? "closed"
          : now.labels.includes(given.label)
            ? null
            : "unlabeled";
    if (cause !== null) found.push(unwantedIssue(repository, one, cause));
  }
  return found;
}

/** Enters what is new, in the order in which it happened; the number of them. */
async function enter({ store, clock }: LookParts, found: readonly Found[]): Promise<number> {
  const keys = found.flatMap(({ finding, after }) => [
    finding.key,
    ...(after === null ? [] : [after]),
  ]);
  const known = await store.entered(keys);
  const fresh = found.filter(({ finding }) => !known.has(finding.key));
  // Who has not heard the first version of a comment hears this one as the first, and then there was no edit.
  const said = fresh.filter(({ after }) => after !== null && !known.has(after));
  const told = fresh.filter((one) => !said.includes(one)).toSorted((a, b) => a.at - b.at);
  const now = clock.now();
  if (said.length > 0) await store.settle(findingsOf(said), now);
  if (told.length > 0) await store.enqueue(findingsOf(told), now);
  return told.length;
}

const findingsOf = (found: readonly Found[]): readonly Finding[] =>
  found.map(({ finding }) => finding);
