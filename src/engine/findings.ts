/** Journal entries and driver findings → domain events. What is only for people gives none. */
import { describe, isActivity } from "../agents/describe.ts";
import type { AgentDriver, Failure, Finding } from "../agents/driver.ts";
import type { ObjectiveEvent, RunnerEvent } from "../domain/event.ts";
import type { Usage } from "../domain/objective.ts";
import type { JournalEntry, JournalLine } from "../protocol/journal.ts";
import type { LiveAttempt, NewItem } from "../store/port.ts";
import { parseCall } from "../tools/parse.ts";
import type { Cut } from "./line-cutter.ts";

/** Longest "last activity" shown to people, in characters. */
const ACTIVITY_MAX = 200;

export interface Batch {
  readonly lines: Cut["lines"];
  readonly entries: readonly JournalLine[];
}

/** Reads one attempt: holds its driver's state, and nothing that a replay of the transcript would not give again. */
export class Findings {
  readonly #live: LiveAttempt;
  readonly #driver: AgentDriver;
  #state: unknown;
  /** Since the last turn that ended; null = nothing was told. */
  #usage: Usage | null = null;

  constructor(live: LiveAttempt, driver: AgentDriver, before: Iterable<string>) {
    this.#live = live;
    this.#driver = driver;
    this.#state = driver.initial();
    for (const line of before) {
      const { state, findings } = driver.reduce(this.#state, line);
      this.#state = state;
      for (const finding of findings) this.#event(finding);
    }
  }

  /** Keys are positions in the record, so the same line or entry never enters twice. */
  read({ lines, entries }: Batch): {
    readonly items: readonly NewItem[];
    readonly activity: string | null;
  } {
    const live = this.#live;
    const items: NewItem[] = [];
    let activity: string | null = null;
    const enter = (cause: string, event: ObjectiveEvent | null): void => {
      if (event === null) return;
      const key = `${live.session}:${live.attempt}:${cause}`;
      items.push({
        key,
        repository: live.repository,
        subject: { kind: "objective", id: live.objective },
        event,
      });
    };
    let next = 0;
    const readTo = (offset: number): void => {
      for (let line = lines[next]; line !== undefined && line.end <= offset; line = lines[++next]) {
        const { state, findings } = this.#driver.reduce(this.#state, line.text);
        this.#state = state;
        for (const [index, finding] of findings.entries()) {
          activity = activityOf(finding) ?? activity;
          enter(`out:${line.end}:${index}`, this.#event(finding));
        }
      }
    };
    for (const { outAt, seq, entry } of entries) {
      readTo(outAt);
      enter(`journal:${seq}`, this.#withUsage(eventOfJournal(live, entry)));
    }
    readTo(Number.POSITIVE_INFINITY);
    return { items, activity };
  }

  #event(finding: Finding): RunnerEvent | null {
    if (finding.kind === "usage") this.#usage = added(this.#usage, finding);
    return this.#withUsage(eventOfFinding(this.#live, finding));
  }

  /** One event per turn carries what was spent in it; the last one what was spent after that. */
  #withUsage(event: RunnerEvent | null): RunnerEvent | null {
    const usage = this.#usage;
    if (usage === null || (event?.kind !== "turn-ended" && event?.kind !== "attempt-exited"))
      return event;
    this.#usage = null;
    return { ...event, usage };
  }
}

/** An agent that makes up numbers makes up none that break a sum. */
const count = (value: number): number =>
  Number.isFinite(value) ? Math.min(Math.max(0, value), 1e12) : 0;

function added(before: Usage | null, more: Usage): Usage {
  const { inputTokens = 0, cachedTokens = 0, outputTokens = 0, costUsd = null } = before ?? {};
  return {
    inputTokens: inputTokens + count(more.inputTokens),
    cachedTokens: cachedTokens + count(more.cachedTokens),
    outputTokens: outputTokens + count(more.outputTokens),
    costUsd: more.costUsd === null ? costUsd : (costUsd ?? 0) + count(more.costUsd),
  };
}

const activityOf = (finding: Finding): string | null =>
  isActivity(finding) ? (describe(finding)?.text.slice(0, ACTIVITY_MAX) ?? null) : null;

function eventOfJournal(live: LiveAttempt, entry: JournalEntry): RunnerEvent | null {
  const of = { session: live.session, attempt: live.attempt };
  switch (entry.kind) {
    case "prepared":
      return {
        ...of,
        kind: "attempt-prepared",
        path: entry.path,
        base: entry.base,
        head: entry.head,
        ...(entry.notes === undefined ? {} : { notes: notesOf(entry.notes) }),
      };
    case "prepare-failed":
      return {
        ...of,
        kind: "attempt-unstartable",
        stage: entry.stage,
        reason: entry.reason,
        retry: entry.retry,
      };
    case "spawned":
      return { ...of, kind: "attempt-spawned" };
    case "tool-called": {
      const { call, tool } = entry;
      const parsed = parseCall(live.role, tool, entry.arguments);
      return parsed.ok
        ? { ...of, kind: "tool-called", call, request: parsed.request }
        : { ...of, kind: "tool-misused", call, tool, reason: parsed.reason };
    }
    case "tool-answered":
      return { ...of, kind: "call-settled", call: entry.call, won: entry.outcome };
    case "exited":
      return {
        ...of,
        kind: "attempt-exited",
        code: entry.code,
        signal: entry.signal,
        cause: entry.cause,
      };
    case "setup-ran":
    case "input-stored":
      return null;
  }
}

const NOTES_MAX = 10;
const NOTE_MAX = 1_000;

const notesOf = (notes: readonly string[]): readonly string[] =>
  notes.slice(0, NOTES_MAX).map((note) => note.slice(0, NOTE_MAX));

/** Words of the four programs and their providers for “we do not know you”. */
const LOGIN =
  /\b401\b|not logged in|log ?in again|please (?:run )?\/?log ?in|authenticat|unauthori[sz]ed|invalid (?:api key|x-api-key|credentials)|api key (?:is )?(?:missing|not set|invalid|not valid)/iu;

function failureOf(
  failure: Failure | null,
): Extract<RunnerEvent, { kind: "turn-ended" }>["failure"] {
  if (failure === null) return null;
  const { reason, retry, login } = failure;
  const isLogin = login === true || (!retry && LOGIN.test(reason));
  return { reason, retry, ...(isLogin ? { login: true } : {}) };
}

function eventOfFinding({ session, attempt }: LiveAttempt, finding: Finding): RunnerEvent | null {
  const of = { session, attempt };
  switch (finding.kind) {
    case "message-taken":
      return {
        ...of,
        kind: "message-delivered",
        message: finding.id,
        ...(finding.how === "steered" ? { how: "steered" } : {}),
      };
    case "message-queued":
      return { ...of, kind: "message-queued", message: finding.id };
    case "conversation":
      return { ...of, kind: "conversation-known", conversation: finding.id };
    case "turn-ended":
      return { ...of, kind: "turn-ended", failure: failureOf(finding.failure) };
    case "limit-hit":
      return { ...of, kind: "limit-hit", resetAt: finding.resetAt, reason: finding.reason };
    case "call-interrupted":
      return { ...of, kind: "call-settled", call: finding.call, won: "parked" };
    case "turn-started":
    case "retry":
    case "text":
    case "thinking":
    case "tool-call":
    case "tool-result":
    case "file-change":
    case "plan":
    case "question":
    case "permission":
    case "usage":
    case "unknown":
      return null;
  }
}
