/**
 * One step of a decision in the making: the objective as it becomes, and everything that has to happen.
 * Local and single-use; `decide` stays a function of its arguments.
 */
import type { AgentFact, Prompts } from "./brief.ts";
import { coalesceKey, laneOf, priorityOf, type Effect } from "./effect.ts";
import type { Facts } from "./facts.ts";
import type { Exhausted } from "./limit.ts";
import type { Derive, SessionId } from "./id.ts";
import {
  isTaken,
  type Mail,
  type Objective,
  type PullRequest,
  type Question,
  type Session,
} from "./objective.ts";
import {
  isLive,
  isTerminal,
  move,
  type Purpose,
  type SessionMove,
  type SessionState,
} from "./session.ts";

/** Limits and delays of the rules; the configuration record `timings` and friends. */
export interface Rules {
  /** Bad endings in a row before a worker fails. */
  readonly workerFailuresMax: number;
  /** Bad endings in a row before the manager becomes one question (decision 6: four). */
  readonly managerFailuresMax: number;
  /** Between end of input, SIGTERM and SIGKILL of an agent that is stopped. */
  readonly stopGraceMs: number;
  /** How long `ask_human` holds its call open before the session parks (decision 24: 0 for the script agent). */
  readonly askWaitMs: number;
  /** How long the manager has to write a summary after the last merge (decision 2). */
  readonly summaryWaitMs: number;
  /** Longest turn: a process that runs that long without ending one is stopped like after a failed turn. */
  readonly turnMaxMs: number;
  /** Pause before a session whose checkout could not be made is tried again. */
  readonly retryWaitMs: number;
  /** First pause of an agent whose provider did not say when its limit ends; twice as long each time. */
  readonly limitWaitMs: number;
  /** Said on every pull request: that an agent could have read the control plane's secrets. */
  readonly unsafeNotice: string | null;
  /** What agents are told first, by role. */
  readonly prompts: Prompts;
  /** The agents there are, by configuration and without. */
  readonly agents: readonly AgentFact[];
}

export interface Context {
  /** ms since the epoch. */
  readonly now: number;
  /** Ids and keys of this step: a hash of objective, cause and name. */
  readonly derive: Derive;
  /** Keys that do not depend on the cause: the same wherever they are made. */
  readonly deriveFixed: Derive;
  readonly facts: Facts;
  readonly rules: Rules;
  /** A newer revision has taken over the issue, and its status comment with it. */
  readonly superseded?: boolean;
  /** Agents whose providers' limits were hit; missing = none was. */
  readonly exhausted?: ReadonlyMap<string, Exhausted>;
}

export interface Emitted {
  readonly key: string;
  readonly lane: string;
  readonly priority: number;
  /** A pending effect with the same value is replaced. */
  readonly coalesce: string | null;
  readonly effect: Effect;
}

export interface Timer {
  readonly name: string;
  /** null = cancel. */
  readonly at: number | null;
}

export interface Decision {
  /** null = there is still no objective here. */
  readonly objective: Objective | null;
  readonly effects: readonly Emitted[];
  readonly timers: readonly Timer[];
  /** Why things were done or not done, for the audit trail. */
  readonly notes: readonly string[];
  /** What became known of providers' limits, by agent; missing = nothing. */
  readonly exhausted?: ReadonlyMap<string, Exhausted>;
}

/** Messages that may wait for one session. */
const MAIL_MAX = 200;
/** Messages that may be on their way to one attempt; the rest follows as they are read. */
export const SENT_MAX = 100;

const NEVER: Exhausted = { until: 0, at: 0, strikes: 0, reason: "" };

export class Step {
  readonly effects: Emitted[] = [];
  readonly timers: Timer[] = [];
  readonly notes: string[] = [];
  readonly #exhausted = new Map<string, Exhausted>();
  readonly context: Context;
  objective: Objective;

  constructor(objective: Objective, context: Context) {
    this.objective = objective;
    this.context = context;
  }

  get manager(): Session {
    return this.objective.sessions[0];
  }

  get workers(): readonly Session[] {
    return this.objective.sessions.slice(1);
  }

  note(text: string): void {
    this.notes.push(text);
  }

  emit(effect: Effect): void {
    this.effects.push(emitted(effect, this.context.derive(`effect:${this.effects.length}`)));
  }

  timer(name: string, at: number | null): void {
    this.timers.push({ name, at });
  }

  /** The session as it is now: handlers hold older copies while they change it. */
  fresh(session: Session): Session {
    return this.objective.sessions.reduce(
      (found, other) => (other.id === session.id ? other : found),
      session,
    );
  }

  session(id: SessionId | string): Session | undefined {
    return this.objective.sessions.find((session) => session.id === id);
  }

  change(change: Partial<Objective>): void {
    this.objective = { ...this.objective, ...change };
  }

  changeSession(id: SessionId, change: Partial<Session>): void {
    const apply = (session: Session): Session =>
      session.id === id ? { ...session, ...change } : session;
    const [first, ...rest] = this.objective.sessions;
    this.change({ sessions: [apply(first), ...rest.map(apply)] });
  }

  changeQuestion(id: Question["id"], change: Partial<Question>): void {
    this.change({
      questions: this.objective.questions.map((question) =>
        question.id === id ? { ...question, ...change } : question,
      ),
    });
  }

  /** Adds the pull request of a session, or changes it. */
  putPullRequest(pull: PullRequest): void {
    const others = this.objective.pullRequests.filter(({ session }) => session !== pull.session);
    this.change({ pullRequests: [...others, pull] });
  }

  /** Moves a session. An impossible move changes nothing and is noted: terminal states have no way out. */
  move(given: Session, step: SessionMove): boolean {
    const session = this.fresh(given);
    const next: SessionState | null = move(session.state, step, this.context.now);
    if (next === null) {
      this.note(`${session.title}: ${step.kind} means nothing while ${session.state.kind}`);
      return false;
    }
    this.changeSession(session.id, { state: next });
    return true;
  }

  /**
   * Puts a message into a session's mailbox. A running agent gets it now, a parked session is woken for it
   * unless `wake` is false, a held or paused one keeps it; one that is over takes none. Returns the message's id;
   * what has the same `once` has the same one, whatever brought it about.
   */
  tell(
    given: Session,
    text: string,
    purpose: Purpose,
    { wake = true, once }: { readonly wake?: boolean; readonly once?: string } = {},
  ): string {
    const session = this.fresh(given);
    const { id } = session;
    const { derive, deriveFixed } = this.context;
    const message = uuid(
      once === undefined
        ? derive(`mail:${id}:${session.mailed}`)
        : deriveFixed(`mail:${id}:${once}`),
    );
    if (isTerminal(session.state)) {
      this.note(`${session.title}: a message came after its end`);
      return message;
    }
    const mail: Mail = { id: message, text, sentTo: null };
    this.changeSession(id, {
      mailbox: this.#withRoom(session, mail),
      mailed: session.mailed + 1,
    });
    if (session.state.kind === "running") this.sendMail(session);
    else if (wake && isWakeable(session)) this.move(session, { kind: "wake", purpose });
    return message;
  }

  /** Hands a running agent what waits for it, in order, as long as not too much is on its way to it. */
  sendMail(given: Session): void {
    const session = this.fresh(given);
    const { id, state, attempt, agent, mailbox } = session;
    // Whoever takes it over finds it at rest: what comes now waits until it is given back.
    if (state.kind !== "running" || isTaken(session)) return;
    const onItsWay = mailbox.filter(({ sentTo }) => sentTo !== null).length;
    const next = mailbox
      .filter(({ sentTo }) => sentTo === null)
      .slice(0, Math.max(0, SENT_MAX - onItsWay));
    for (const { id: message, text } of next)
      this.emit({
        kind: "send-message",
        runner: state.runner,
        session: id,
        attempt,
        agent,
        message: { id: message, text },
      });
    const sent = (mail: Mail): Mail => (next.includes(mail) ? { ...mail, sentTo: attempt } : mail);
    this.changeSession(id, { mailbox: mailbox.map((mail) => sent(mail)) });
  }

  /** A full mailbox loses its oldest message that is neither the brief nor an answer. */
  #withRoom({ title, mailbox }: Session, mail: Mail): readonly Mail[] {
    if (mailbox.length < MAIL_MAX) return [...mailbox, mail];
    const oldest = mailbox.find(({ id }, index) => index > 0 && !this.#isAnswer(id));
    this.note(`${title}: ${MAIL_MAX} messages wait for it, the oldest was dropped`);
    return [...mailbox.filter((other) => other !== oldest), mail];
  }

  #isAnswer(message: string): boolean {
    return this.objective.questions.some(
      ({ state }) =>
        state.kind === "answered" &&
        state.delivery.kind === "message" &&
        state.delivery.message === message,
    );
  }

  /** Stops a session's process for good, or ends it at once when it has none. */
  stop(given: Session, as: "canceled" | "failed", reason: string): void {
    const session = this.fresh(given);
    if (isLive(session.state)) {
      const { runner } = session.state;
      if (!this.move(session, { kind: "stop", into: as, reason })) return;
      this.stopProcess(session, runner);
    } else {
      this.move(session, {
        kind: "end",
        as: as === "canceled" ? { kind: "canceled", by: reason } : { kind: "failed", reason },
      });
    }
  }

  /** Ends the process of the newest attempt; the state is the caller's. */
  stopProcess({ id: session, attempt }: Session, runner: string): void {
    const graceMs = this.context.rules.stopGraceMs;
    this.emit({ kind: "stop-attempt", runner, session, attempt, graceMs });
  }

  /** Its provider's limit, also one that is over: when none was hit, long ago. */
  exhausted(agent: string): Exhausted {
    return this.#exhausted.get(agent) ?? this.context.exhausted?.get(agent) ?? NEVER;
  }

  /** For everybody on this server. */
  exhaust(agent: string, limit: Exhausted): void {
    this.#exhausted.set(agent, limit);
  }

  done(): Decision {
    const { objective, effects, timers, notes } = this;
    const limits = this.#exhausted.size === 0 ? {} : { exhausted: this.#exhausted };
    return { objective, effects, timers, notes, ...limits };
  }
}

const isWakeable = ({ state, hold }: Session): boolean =>
  state.kind === "idle" ||
  state.kind === "waiting_user" ||
  // Whoever writes to it has logged it in, or sees at once that it is not.
  (state.kind === "waiting_limit" && hold?.login === true);

export const emitted = (effect: Effect, key: string): Emitted => ({
  key,
  lane: laneOf(effect),
  priority: priorityOf(effect),
  coalesce: coalesceKey(effect),
  effect,
});

/** 32 hexadecimal digits or more → the form agents use for their message ids. */
export function uuid(hex: string): string {
  const digits = hex.slice(0, 32);
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join("-");
}
