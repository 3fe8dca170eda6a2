/**
 * Plays an objective by real events through `decide`, in the words of its users. Holds what GitHub would say and answers
 * `needs` from it; its clock only moves when told. Deterministic: same play, same ids, same texts.
 */
import { decide } from "../../src/domain/decide.ts";
import type { Effect } from "../../src/domain/effect.ts";
import type { GitHubEvent, ObjectiveEvent } from "../../src/domain/event.ts";
import type {
  ConfigFact,
  Facts,
  Need,
  PullRequestFact,
  ReviewFact,
} from "../../src/domain/facts.ts";
import type { Exhausted } from "../../src/domain/limit.ts";
import { needs } from "../../src/domain/needs.ts";
import type { Objective, Question, Session, Usage } from "../../src/domain/objective.ts";
import type { Actor } from "../../src/domain/people.ts";
import { DEFAULT_CONFIG } from "../../src/domain/repository.ts";
import type { Decision, Emitted, Rules, Timer } from "../../src/domain/step.ts";
import type { ToolCall } from "../../src/domain/tool-call.ts";
import { ISSUE, ann, own, repository, rules } from "./cast.ts";
import {
  deriveFixed,
  hash,
  newIssue,
  none,
  ofKind,
  permissions,
  urlOf,
  type Failure,
} from "./kinds.ts";
import { words } from "./words.ts";

type Kind = Effect["kind"];
type Of<K extends Kind> = Extract<Effect, { kind: K }>;
type GivenBack = Extract<ObjectiveEvent, { kind: "resume-requested" }>;
type Refusal = Extract<ObjectiveEvent, { kind: "push-refused" }>["code"];
export class Play {
  objective: Objective | null = null;
  now = Date.UTC(2026, 0, 5, 14, 5);
  rules: Rules;
  issue = newIssue();
  issueGone = false;
  config: ConfigFact = { config: DEFAULT_CONFIG, problem: null, defaultBranch: "main" };
  readonly permissions = permissions();
  readonly pulls = new Map<number, PullRequestFact>();
  readonly reviews = new Map<number, ReviewFact>();
  /** Everything ever emitted, oldest first. */
  readonly emitted: Emitted[] = [];
  readonly timers = new Map<string, number>();
  /** What is known of providers' limits, for all objectives. */
  readonly exhausted = new Map<string, Exhausted>();
  last: Decision = { objective: null, effects: [], timers: [], notes: [] };
  #causes = 0;
  #calls = 0;

  constructor(change: Partial<Rules> = {}) {
    this.rules = { ...rules, ...change };
  }

  /** One event through `decide`, with the facts it needs. */
  send(event: ObjectiveEvent, facts: Facts = this.facts(event)): this {
    const cause = `cause-${++this.#causes}`;
    const derive = (name: string): string => hash(`${cause}|${name}`);
    const { now, rules: limits, exhausted } = this;
    const context = { now, derive, deriveFixed, facts, rules: limits, exhausted };
    this.last = decide(this.objective, repository, event, context);
    this.objective = this.last.objective;
    this.emitted.push(...this.last.effects);
    for (const timer of this.last.timers) this.#setTimer(timer);
    for (const [agent, limit] of this.last.exhausted ?? []) this.exhausted.set(agent, limit);
    return this;
  }

  facts(event: ObjectiveEvent): Facts {
    const facts: Facts = {};
    for (const need of needs(event)) Object.assign(facts, this.#answer(need));
    return facts;
  }

  #answer(need: Need): Facts {
    switch (need.kind) {
      case "issue": {
        const issue = { ...this.issue, number: need.number, url: urlOf(need.number) };
        return { issue: this.issueGone ? null : issue };
      }
      case "permission":
        return { permission: this.permissions.get(need.actor.login) ?? "none" };
      case "config":
        return { config: this.config };
      case "pull-request":
        return { pullRequest: this.pulls.get(need.number) ?? null };
      case "review":
        return { review: this.reviews.get(need.review) ?? null };
      case "behind":
        return { behind: 0 };
    }
  }

  #setTimer({ name, at }: Timer): void {
    if (at === null) this.timers.delete(name);
    else this.timers.set(name, at);
  }

  get it(): Objective {
    return this.objective ?? none("objective");
  }

  session(title = "manager"): Session {
    return this.it.sessions.find((one) => one.title === title) ?? none(`session "${title}"`);
  }

  state(title = "manager"): string {
    return this.session(title).state.kind;
  }

  question(number: number): Question {
    return this.it.questions.find((one) => one.number === number) ?? none(`question ${number}`);
  }

  /** Effects of this kind of the last event. */
  effects<K extends Kind>(kind: K): readonly Of<K>[] {
    return ofKind(this.last.effects, kind);
  }

  /** Effects of this kind since the beginning. */
  all<K extends Kind>(kind: K): readonly Of<K>[] {
    return ofKind(this.emitted, kind);
  }

  mail(title = "manager"): readonly string[] {
    return this.session(title).mailbox.map(({ text }) => text);
  }

  /** Words of the last event's comments. */
  said(purpose: Of<"post-comment">["purpose"]): readonly string[] {
    return this.effects("post-comment")
      .filter((comment) => comment.purpose === purpose)
      .map(({ text }) => words(text));
  }

  // What people do.

  #issueEvent(cause: Extract<GitHubEvent, { kind: "issue-changed" }>["cause"], actor: Actor): this {
    const { id, title, body } = this.issue;
    const snapshot = { id, title, body, url: urlOf(ISSUE) };
    const labels = cause === "labeled" || cause === "reopened" ? [...this.issue.labels] : [];
    const of = { cause, number: ISSUE, actor, labels, snapshot, at: this.now };
    return this.send({ kind: "issue-changed", ...of });
  }

  label(by = ann): this {
    this.issue.labels = ["objective"];
    return this.#issueEvent("labeled", by);
  }

  unlabel(by = ann): this {
    this.issue.labels = [];
    return this.#issueEvent("unlabeled", by);
  }

  close(by = ann): this {
    this.issue.open = false;
    return this.#issueEvent("closed", by);
  }

  reopen(by = ann): this {
    this.issue.open = true;
    return this.#issueEvent("reopened", by);
  }

  edit(title: string, body: string, by = ann): this {
    Object.assign(this.issue, { title, body });
    return this.#issueEvent("edited", by);
  }

  deleteIssue(): this {
    this.issueGone = true;
    return this.#issueEvent("deleted", ann);
  }

  /** What was asked stands on the issue, each as a comment of its own. */
  posted(): this {
    for (const { id, number, url } of this.it.questions)
      if (url === null) {
        const comment = 1000 + number;
        const at = `${urlOf(ISSUE)}#issuecomment-${comment}`;
        this.send({ kind: "question-posted", question: id, comment, url: at });
      }
    return this;
  }

  /** People answer what they can see. */
  comment(text: string, by = ann, comment = 5000): this {
    if (this.objective !== null) this.posted();
    return this.say(text, by, comment);
  }

  /** Also before what was asked is there. */
  say(text: string, by = ann, comment = 5000): this {
    const [number, url] = [ISSUE, urlOf(ISSUE)];
    return this.send({
      kind: "comment-created",
      number,
      on: "issue",
      comment,
      actor: by,
      text,
      url,
    });
  }

  editComment(comment: number, text: string, by = ann): this {
    const [kind, on, number, url] = ["comment-edited", "issue", ISSUE, urlOf(ISSUE)] as const;
    return this.send({ kind, number, on, comment, actor: by, text, url });
  }

  commentPull(number: number, text: string, by = ann): this {
    const [comment, url] = [6000, urlOf(number)];
    const on = "pull-request";
    return this.send({ kind: "comment-created", number, on, comment, actor: by, text, url });
  }

  review(number: number, change: Partial<ReviewFact> = {}, by = ann): this {
    const review: ReviewFact = {
      id: 70,
      author: by,
      verdict: "changes-requested",
      text: "Please change this.",
      comments: [],
      ...change,
    };
    this.reviews.set(review.id, review);
    return this.send({ kind: "review-submitted", number, review: review.id, actor: by });
  }

  /** GitHub has this pull request, in this state; nobody has told us. */
  there(number: number, state: PullRequestFact["state"], headBranch: string, author = own): this {
    const [headSha, url] = ["b".repeat(40), urlOf(number)];
    this.pulls.set(number, { number, state, headBranch, headSha, author, url });
    return this;
  }

  pull(number: number, state: PullRequestFact["state"], by = ann): this {
    const { pullRequests } = this.it;
    const known = pullRequests.find((one) => one.number === number)?.branch;
    this.there(number, state, known ?? this.pulls.get(number)?.headBranch ?? "other");
    const cause = state === "open" ? "reopened" : state === "draft" ? "draft" : "closed";
    return this.send({ kind: "pull-request-changed", cause, number, actor: by });
  }

  cancel(by: string, session: Session | null = null): this {
    return this.send({ kind: "cancel-requested", by, session: session?.id ?? null });
  }

  takeOver(title: string, { now = false, by = "ada" } = {}): this {
    const session = this.session(title).id;
    return this.send({ kind: "takeover-requested", session, by, now });
  }

  giveBack(title: string, { text = null, changes = null }: Partial<GivenBack> = {}): this {
    const session = this.session(title).id;
    return this.send({ kind: "resume-requested", session, by: "ada", text, changes });
  }

  type(title: string, text: string, id = `line-${++this.#calls}`): this {
    return this.send({
      kind: "operator-said",
      session: this.session(title).id,
      by: "ada",
      id,
      text,
    });
  }

  // What runners and agents do.

  of(title: string): { readonly session: Session["id"]; readonly attempt: number } {
    const { id, attempt } = this.session(title);
    return { session: id, attempt };
  }

  claim(title = "manager", runner = "box", slot = 0): this {
    return this.send({ kind: "slot-claimed", session: this.session(title).id, runner, slot });
  }

  prepared(title = "manager", base = "a".repeat(40)): this {
    const path = "/on/the/runner";
    return this.send({ kind: "attempt-prepared", ...this.of(title), path, base, head: base });
  }

  unstartable(title: string, reason: string, retry: boolean): this {
    return this.send({
      kind: "attempt-unstartable",
      ...this.of(title),
      stage: "fetch",
      reason,
      retry,
    });
  }

  spawned(title = "manager"): this {
    return this.send({ kind: "attempt-spawned", ...this.of(title) });
  }

  /** The agent echoes every message that is in its mailbox. */
  reads(title = "manager"): this {
    for (const { id } of this.session(title).mailbox)
      this.send({ kind: "message-delivered", ...this.of(title), message: id });
    return this;
  }

  /** From queued to running with everything read. */
  start(title = "manager", runner = "box"): this {
    return this.claim(title, runner).prepared(title).spawned(title).reads(title);
  }

  /** The answer; null = the call stays open. */
  call(title: string, request: ToolCall): Of<"answer-call"> | null {
    const call = `call-${++this.#calls}`;
    this.send({ kind: "tool-called", ...this.of(title), call, request });
    return this.effects("answer-call").find((answer) => answer.call === call) ?? null;
  }

  endTurn(title = "manager", failure: Failure | null = null, more: { usage?: Usage } = {}): this {
    return this.send({ kind: "turn-ended", ...this.of(title), failure, ...more });
  }

  limit(title: string, resetAt: number | null): this {
    return this.send({ kind: "limit-hit", ...this.of(title), resetAt, reason: "weekly limit" });
  }

  exited(
    title = "manager",
    cause: "itself" | "stopped" | "keeper-lost" = "stopped",
    code: number | null = 0,
  ): this {
    return this.send({ kind: "attempt-exited", ...this.of(title), code, signal: null, cause });
  }

  /** The turn is over and the process gone. */
  park(title = "manager"): this {
    return this.endTurn(title).exited(title);
  }

  settled(title: string, call: string, won: "result" | "parked"): this {
    return this.send({ kind: "call-settled", ...this.of(title), call, won });
  }

  timer(name: string): this {
    const at = this.timers.get(name);
    if (at === undefined)
      throw new Error(`no timer ${name}; there is ${[...this.timers.keys()].join()}`);
    this.timers.delete(name);
    this.now = Math.max(this.now, at);
    return this.send({ kind: "timer-fired", name });
  }

  // What becomes of pushes.

  pushed(title: string, sha = "c".repeat(40)): this {
    return this.send({ kind: "branch-pushed", session: this.session(title).id, sha, commits: 1 });
  }

  refused(title: string, code: Refusal, reason: string = code): this {
    return this.send({ kind: "push-refused", session: this.session(title).id, code, reason });
  }

  opened(title: string, number: number): this {
    const opening = this.all("open-pull-request").at(-1) ?? none("pull request on its way");
    const { session, url } = { session: this.session(title).id, url: urlOf(number) };
    const state = opening.draft ? "draft" : "open";
    if (!this.pulls.has(number))
      this.pulls.set(number, {
        number,
        state,
        headBranch: opening.head,
        headSha: "c".repeat(40),
        author: own,
        url,
      });
    return this.send({ kind: "pull-request-opened", session, number, url, draft: opening.draft });
  }

  failed(effect: string, title: string | null, reason = "no answer", attempt?: number): this {
    const session = title === null ? null : this.session(title).id;
    const of = attempt === undefined ? {} : { attempt };
    return this.send({ kind: "effect-failed", effect, session, ...of, reason });
  }

  /** The comment that asks was refused, or given up. */
  unasked(number: number, reason = "the issue is locked"): this {
    const question = this.question(number).id;
    const [kind, effect, session] = ["effect-failed", "post-comment", null] as const;
    return this.send({ kind, effect, session, question, reason });
  }
}
