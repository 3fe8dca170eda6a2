/**
 * What a person does with a session by hand: look at it, speak to it, take it over, give it back, get into its checkout, get its
 * work out. Everything that changes an objective goes through the inbox; what is read comes from the session's runner.
 */
import type { HandsOn } from "../domain/event.ts";
import type { ObjectiveEvent } from "../domain/event.ts";
import { branchName } from "../domain/branch.ts";
import { isOver, isTaken, openQuestions, pullRequestOf, type Objective, type SaidLine, type Session } from "../domain/objective.ts"; // prettier-ignore
import { stateWords } from "../domain/render.ts";
import { isTerminal } from "../domain/session.ts";
import { clock } from "../domain/time.ts";
import type { Link } from "../fleet/link.ts";
import type { SshDoor } from "../fleet/shell.ts";
import { LookReply } from "../protocol/requests.ts";
import type { RunnerRow, Store } from "../store/port.ts";
import { workspaceShelf } from "../workspaces/shelf.ts";
import { DeskError } from "./enroll.ts";

export interface HandsOptions {
  readonly store: Store;
  readonly links: ReadonlyMap<string, Link>;
  /** When a runner fell silent, in ms since the epoch; null = it answers, or nobody talks to it. */
  readonly silentSince: (runner: string) => number | null;
  readonly now: () => number;
  /** SSH_AUTH_SOCK of the server; null = none. */
  readonly sshAgent: string | null;
}

export interface SessionDetail {
  readonly id: string;
  readonly title: string;
  readonly role: string;
  readonly state: string;
  /** In words, with what it waits for. */
  readonly status: string;
  readonly since: number;
  readonly over: boolean;
  readonly attempt: number;
  readonly runner: string | null;
  /** Why its runner cannot be asked now, and since when; null = it can, or there is none yet. */
  readonly away: string | null;
  /** Below the runner's work root; null = there is no checkout yet. */
  readonly workspace: string | null;
  readonly branch: string | null;
  /** Who has it, or waits for it; null = the agent has it. */
  readonly takenBy: string | null;
  readonly questions: readonly Asked[];
  readonly lines: readonly Line[];
}

interface Asked {
  readonly number: number;
  readonly text: string;
  readonly options: readonly string[];
}

/** `waits`: for the session's next turn. `sent`: on its way to the agent. `queued`: there, for the end of the turn. `steered`: into the turn. */
export interface Line {
  readonly id: string;
  readonly fate:
    | "waits"
    | "sent"
    | "queued"
    | "steered"
    | "delivered"
    | "answer"
    | "ambiguous"
    | "late";
  /** That it answers, or could answer. */
  readonly questions: readonly number[];
}

/** How a person gets into the checkout; `ssh` null = it is on this machine. */
export interface Way {
  readonly runner: string;
  readonly path: string;
  readonly running: boolean;
  readonly ssh: SshDoor | null;
}

export interface Work {
  readonly head: string;
  readonly snapshot: string | null;
  readonly base: string;
  readonly skipped: readonly string[];
  readonly branch: string | null;
  readonly bundle: Uint8Array;
}

/** Who does it, and the name of the request: the same one twice is one. */
export interface Ask {
  readonly id: string;
  readonly by: string;
}

/** All of them reject with DeskError. */
export interface Hands {
  session(id: string): Promise<SessionDetail>;
  say(id: string, ask: Ask & { readonly text: string }): Promise<void>;
  takeOver(id: string, ask: Ask & { readonly now: boolean }): Promise<void>;
  /** Resolves with what was found changed; null = nobody could look, or there was nothing to look at. */
  giveBack(id: string, ask: Ask & { readonly text: string | null }): Promise<HandsOn | null>;
  way(id: string): Promise<Way>;
  work(id: string): Promise<Work>;
}

const LOOK_MS_MAX = 60_000;
/** Whatever was published: whoever asks may not have it. They have the base; the agent may be at work. */
const EVERYTHING = { known: [], whole: false, live: true } as const;

export function openHands(options: HandsOptions): Hands {
  const { store, now, sshAgent } = options;
  const enter = async ({ objective }: Found, key: string, event: ObjectiveEvent): Promise<void> => {
    const { repository, id } = objective;
    await store.enqueue([{ key, repository, subject: { kind: "objective", id }, event }], now());
  };
  return {
    session: async (id) => detailOf(options, await find(store, id)),
    async say(id, { id: line, by, text }) {
      const found = await live(store, id);
      const session = found.session.id;
      await enter(found, `said:${id}:${line}`, { kind: "operator-said", session, by, id: line, text }); // prettier-ignore
    },
    async takeOver(id, { id: name, by, now: atOnce }) {
      const found = await live(store, id);
      const session = found.session.id;
      await enter(found, `takeover:${id}:${name}`, { kind: "takeover-requested", session, by, now: atOnce }); // prettier-ignore
    },
    async giveBack(id, { id: name, by, text }) {
      const found = await live(store, id);
      const { session } = found;
      const paused = session.state.kind === "paused";
      if (!paused && !isTaken(session))
        throw new DeskError("busy", `nobody has taken over ${id}: it is ${session.state.kind}`);
      const changes = paused ? await changesIn(options, session) : null;
      await enter(found, `resume:${id}:${name}`, { kind: "resume-requested", session: session.id, by, text, changes }); // prettier-ignore
      return changes;
    },
    async way(id) {
      const { session } = await find(store, id);
      const { path, running } = await look(options, placeOf(session));
      const { name, ssh } = doorOf(await runnerOf(store, session), sshAgent);
      return { runner: name, path, running, ssh };
    },
    async work(id) {
      const { objective, session } = await find(store, id);
      const { branch } = branchOf(objective, session);
      const { workspace, runner } = placeOf(session);
      const { path, base } = workspace;
      const shelf = workspaceShelf(runner, connected(options, runner));
      const taken = await shelf.snapshot({ session: session.id, path, base, ...EVERYTHING });
      if (!taken.ok && taken.code === "nothing-committed")
        return { head: base, snapshot: null, base, skipped: [], branch, bundle: new Uint8Array() };
      if (!taken.ok) throw new DeskError("failed", `${runner}: ${taken.reason}`);
      const { head, snapshot, skipped } = taken.reply;
      const left = skipped.map((one) => `${one.path}: ${one.reason}`);
      return { head, snapshot, base, skipped: left, branch, bundle: taken.bundle };
    },
  };
}

interface Found {
  readonly objective: Objective;
  readonly session: Session;
}

async function find(store: Store, id: string): Promise<Found> {
  const objective = (await store.objectiveOfSession(id))?.objective;
  const session = objective?.sessions.find((one) => one.id === id);
  if (objective === undefined || session === undefined)
    throw new DeskError("unknown", `there is no session ${id}; orcha sessions lists them`);
  return { objective, session };
}

async function live(store: Store, id: string): Promise<Found> {
  const found = await find(store, id);
  const { state } = found.session;
  if (isOver(found.objective) || isTerminal(state))
    throw new DeskError("busy", `${id} has ended: it is ${state.kind}`);
  return found;
}

function detailOf(options: HandsOptions, { objective, session }: Found): SessionDetail {
  const { id, title, role, state, attempt, runner, workspace, takeover = null } = session;
  const mine = openQuestions(objective).filter(
    (question) => (question.session ?? objective.sessions[0].id) === id,
  );
  return {
    id,
    title,
    role,
    state: state.kind,
    status: stateWords(objective, session),
    since: state.since,
    over: isTerminal(state),
    attempt,
    runner,
    away: runner === null ? null : awayOf(options, runner),
    workspace: workspace?.path ?? null,
    ...branchOf(objective, session),
    takenBy: state.kind === "paused" ? state.by : (takeover?.by ?? null),
    questions: mine.map(({ number, text, options: choices }) => ({ number, text, options: choices })), // prettier-ignore
    lines: (session.said?.lines ?? []).map((line) => fateOf(session, line)),
  };
}

const branchOf = (objective: Objective, session: Session): { readonly branch: string | null } => ({
  branch:
    pullRequestOf(objective, session.id)?.branch ??
    (session.role === "worker" ? branchName(objective.issue.number, session) : null),
});

function fateOf({ mailbox }: Session, { id, became }: SaidLine): Line {
  switch (became.kind) {
    case "message": {
      const mail = mailbox.find((one) => one.id === became.message);
      if (mail === undefined) return { id, fate: became.how ?? "delivered", questions: [] };
      const fate = mail.queued === true ? "queued" : mail.sentTo === null ? "waits" : "sent";
      return { id, fate, questions: [] };
    }
    case "answer":
      return { id, fate: "answer", questions: [became.question] };
    case "ambiguous":
      return { id, fate: "ambiguous", questions: became.questions };
    case "late":
      return { id, fate: "late", questions: [] };
  }
}

/** "unreachable since 2026-01-05 14:05 UTC: why". */
function awayOf({ links, silentSince }: HandsOptions, runner: string): string | null {
  const link = links.get(runner);
  if (link?.state === "connected") return null;
  const since = silentSince(runner);
  const when = since === null ? "" : ` since ${clock(since)}`;
  const why = link?.problem === undefined ? "" : `: ${link.problem}`;
  return `${link === undefined ? "nobody talks to it" : link.state}${when}${why}`;
}

function connected(options: HandsOptions, runner: string): Link {
  const link = options.links.get(runner);
  const away = awayOf(options, runner);
  if (link === undefined || away !== null)
    throw new DeskError("failed", `runner ${runner} is ${away ?? "gone"}; try again when it is back`); // prettier-ignore
  return link;
}

type Placed = Session & {
  readonly runner: string;
  readonly workspace: NonNullable<Session["workspace"]>;
};

function placeOf(session: Session): Placed {
  const { id, runner, workspace, state } = session;
  if (runner === null || workspace === null)
    throw new DeskError("busy", `${id} has no checkout yet: it is ${state.kind}`);
  return { ...session, runner, workspace };
}

async function look(
  options: HandsOptions,
  { id, attempt, runner, workspace: { path, base } }: Placed,
): Promise<LookReply> {
  const { reply } = await connected(options, runner).request(
    { op: "look", session: id, attempt, path, base },
    { timeoutMs: LOOK_MS_MAX },
  );
  if (reply.ok) return LookReply.parse(reply.value);
  const old = reply.code === "not-implemented" ? ": its program is an older one; it is renewed when nothing runs there" : ""; // prettier-ignore
  const kind = old === "" && reply.code !== "gone" ? "failed" : "busy";
  throw new DeskError(kind, `${runner}: ${reply.reason}${old}`);
}

/** A checkout that is gone, or a runner that cannot look, does not keep a session from going on; one that is away does. */
async function changesIn(options: HandsOptions, session: Session): Promise<HandsOn | null> {
  if (session.runner === null || session.workspace === null) return null;
  try {
    const { commits, moreCommits, files, moreFiles } = await look(options, placeOf(session));
    return { commits, moreCommits, files, moreFiles };
  } catch (error) {
    if (error instanceof DeskError && error.kind === "busy") return null;
    throw error;
  }
}

async function runnerOf(store: Store, { runner }: Session): Promise<RunnerRow> {
  const row = (await store.runners()).find(({ name }) => name === runner);
  if (row === undefined) throw new DeskError("unknown", `there is no runner ${runner ?? "yet"}`);
  return row;
}

function doorOf(
  { name, address, hostKey }: RunnerRow,
  agentSocket: string | null,
): { readonly name: string; readonly ssh: SshDoor | null } {
  if (address === null) return { name, ssh: null };
  const { user, host, port, identity, jump } = address;
  return { name, ssh: { address: { user, host, port, identity, jump }, hostKey, agentSocket } };
}
