/**
 * The control plane's hand on all runners: performs runner effects over links, streams records, fetches
 * bundles. Every request is idempotent on the runner, so whatever has an unknown outcome is repeated.
 */
import type { Agent } from "../agents/catalog.ts";
import { encodeMessage } from "../agents/driver.ts";
import type { RunnerEffect } from "../domain/effect.ts";
import { directoryOf, type Repository } from "../domain/repository.ts";
import { PortError, type EffectOutcome, type Fleet, type Records } from "../engine/ports.ts";
import {
  ExportReply,
  StartReply,
  type AttemptSpec,
  type Reply,
  type WorkspaceSpec,
} from "../protocol/requests.ts";
import { toolSpecs } from "../tools/table.ts";
import { LinkError } from "./channel.ts";
import type { Link } from "./link.ts";

export interface FleetOptions {
  /** Undefined = no such runner is registered. */
  readonly link: (runner: string) => Link | undefined;
  readonly agent: (name: string) => Agent | undefined;
  /** Their names, for messages. */
  readonly agents?: readonly string[];
  readonly cloneUrl: (repository: Repository) => string;
  /** Read access to this one repository, for the clone. */
  readonly credential: (repository: Repository) => Promise<AttemptCredential>;
}

interface AttemptCredential {
  readonly username: string;
  readonly password: string;
  /** The checkout is there, or is not going to be. */
  revoke(): Promise<void>;
}

export interface Exported {
  readonly ok: true;
  readonly head: string;
  readonly base: string;
  readonly bundle: Uint8Array;
}
export interface NotExported {
  readonly ok: false;
  readonly code: "nothing-committed" | "failed" | "unreachable";
  readonly reason: string;
}

export interface LinkedFleet extends Fleet, Records {
  exportBundle(where: {
    readonly runner: string;
    readonly session: string;
    readonly attempt: number;
    readonly path: string;
    readonly base: string;
  }): Promise<Exported | NotExported>;
}

/** A runner that does not answer in this time is tried again later; `start` may take as long as a checkout. */
const REQUEST_MS_MAX = 60_000;
const START_MS_MAX = 30 * 60_000;
const EXPORT_MS_MAX = 5 * 60_000;

export function openFleet(options: FleetOptions): LinkedFleet {
  const linkTo = (runner: string): Link => {
    const link = options.link(runner);
    if (link === undefined) throw new UnknownRunner(`runner "${runner}" is not registered here`);
    return link;
  };
  return {
    perform: async (effect, { number }) => {
      try {
        const link = linkTo(effect.runner);
        return away(effect.runner, link) ?? (await perform(options, link, effect, number));
      } catch (error) {
        return outcomeOfFailure(error);
      }
    },
    async attach(runner, { session, attempt }, sink) {
      const reply = await linkTo(runner).attach(
        { session, attempt },
        {
          position: () => sink.position(),
          output: (stream, at, bytes) => sink.output(stream, at, bytes),
          journal: (line) => sink.journal(line),
          refused: ({ code }) => sink.refused(code === "behind" ? "behind" : "unknown"),
        },
      );
      if (reply.ok) return "attached";
      if (reply.code === "behind") return "behind";
      if (reply.code === "unknown-attempt") return "unknown";
      throw new LinkError("lost", `${reply.code}: ${reply.reason}`);
    },
    detach: async (runner, session, attempt) => options.link(runner)?.detach({ session, attempt }),
    exportBundle: ({ runner, ...where }) => exportBundle(linkTo(runner), where),
  };
}

/**
 * Nobody waits in the air for a machine that is away: its effects are due again when it answers (`setReach`), and hold up
 * nothing else meanwhile.
 */
function away(runner: string, link: Link): EffectOutcome | null {
  if (link.state !== "unreachable") return null;
  const why = link.problem === undefined ? "" : `: ${link.problem}`;
  return { kind: "later", reason: `runner ${runner} cannot be reached${why}`, afterMs: null };
}

class UnknownRunner extends Error {}

function outcomeOfFailure(error: unknown): EffectOutcome {
  if (error instanceof UnknownRunner) return { kind: "refused", reason: error.message };
  // The repository or the App's installation there: it would be asked for a credential for ever.
  if (error instanceof PortError && error.kind === "gone")
    return { kind: "refused", reason: error.message };
  if (error instanceof PortError)
    return { kind: "later", reason: error.message, afterMs: error.retryAfterMs };
  if (error instanceof LinkError && error.kind === "fenced")
    return { kind: "later", reason: error.message, afterMs: null };
  return { kind: "unknown", reason: error instanceof Error ? error.message : "unknown failure" };
}

async function perform(
  options: FleetOptions,
  link: Link,
  effect: RunnerEffect,
  number: number,
): Promise<EffectOutcome> {
  const { session, attempt } = effect;
  const timeoutMs = REQUEST_MS_MAX;
  switch (effect.kind) {
    case "start-attempt": {
      const spec = specOf(options, effect);
      if (spec === null) return { kind: "refused", reason: unknownAgent(options, effect.agent) };
      const answered = await start(options, link, spec, effect.repository);
      if (number > 1) await complete(link, spec, answered);
      return outcomeOf(answered, START_PASSES);
    }
    case "send-message": {
      const input = { id: effect.message.id, line: encodeMessage(effect.message) };
      return outcomeOf(await link.request({ op: "input", session, attempt, input }, { timeoutMs }));
    }
    case "stop-attempt":
      return outcomeOf(
        await link.request(
          { op: "stop", session, attempt, graceMs: effect.graceMs },
          { timeoutMs },
        ),
      );
    case "answer-call": {
      const { call, outcome, isError, content } = effect;
      return outcomeOf(
        await link.request(
          { op: "answer", session, attempt, call, outcome, isError, content },
          { timeoutMs },
        ),
      );
    }
  }
}

/** The credential is for the checkout only: worthless before the agent has done anything. */
async function start(
  { credential }: FleetOptions,
  link: Link,
  spec: AttemptSpec,
  repository: Repository,
): Promise<{ readonly reply: Reply }> {
  const options = { timeoutMs: START_MS_MAX };
  if (spec.workspace.kind === "reuse")
    return link.request({ op: "start", spec, credential: null }, options);
  const read = await credential(repository);
  const { username, password } = read;
  try {
    return await link.request({ op: "start", spec, credential: { username, password } }, options);
  } finally {
    await read.revoke();
  }
}

/**
 * The attempt may be there since an earlier life of our database, which had other messages for it: those that it never
 * got are given to it now. One that it has is stored once.
 */
async function complete(
  link: Link,
  { session, attempt, input }: AttemptSpec,
  { reply }: { readonly reply: Reply },
): Promise<void> {
  if (!reply.ok || !StartReply.parse(reply.value).running) return;
  for (const line of input) {
    const given = await link.request(
      { op: "input", session, attempt, input: line },
      { timeoutMs: REQUEST_MS_MAX },
    );
    // It has ended meanwhile: what it did not read is sent to the next attempt.
    if (!given.reply.ok && given.reply.code === "gone") return;
    if (!given.reply.ok) throw new LinkError("lost", `${given.reply.code}: ${given.reply.reason}`);
  }
}

/** Another attempt is still ending; the runner's disk is full: passes. Every other refusal stays one. */
const PASSES: ReadonlySet<string> = new Set(["busy", "failed"]);
/** A start that failed is for the rules to decide: they count, and ask a person in the end. */
const START_PASSES: ReadonlySet<string> = new Set(["busy"]);

function outcomeOf({ reply }: { readonly reply: Reply }, passes = PASSES): EffectOutcome {
  if (reply.ok) return { kind: "done" };
  const reason = `${reply.code}: ${reply.reason}`;
  return passes.has(reply.code)
    ? { kind: "later", reason, afterMs: null }
    : { kind: "refused", reason };
}

const unknownAgent = ({ agents = [] }: FleetOptions, name: string): string =>
  `no agent "${name}" is configured; there are: ${agents.join(", ") || "none"}. Name one of them in .github/orcha.yml, or add it under "agents" in the configuration file of the server`;

type Start = Extract<RunnerEffect, { kind: "start-attempt" }>;

function specOf({ agent: agentOf, cloneUrl }: FleetOptions, effect: Start): AttemptSpec | null {
  const { session, attempt, role, conversation, messages, agent, repository } = effect;
  const found = agentOf(agent);
  if (found === undefined) return null;
  const { driver, settings } = found;
  const launch = driver.launch({ session, attempt, role, conversation, settings });
  return {
    session,
    attempt,
    workspace: workspaceOf(effect, cloneUrl(repository)),
    agent: {
      command: [...launch.command],
      env: { ...launch.env },
      inherit: [...launch.inherit],
      files: [...launch.files],
    },
    input: messages.map((message) => ({ id: message.id, line: encodeMessage(message) })),
    tools: toolSpecs(role),
  };
}

function workspaceOf({ workspace, repository, setup }: Start, url: string): WorkspaceSpec {
  if (workspace.kind === "reuse") return workspace;
  const mirror = `mirrors/${directoryOf(repository)}.git`;
  const { sparse, ...plan } = workspace;
  const only = sparse === undefined ? {} : { sparse: [...sparse] };
  return { ...plan, ...only, url, mirror, setup: [...setup] };
}

async function exportBundle(
  link: Link,
  {
    session,
    attempt,
    path,
    base,
  }: {
    readonly session: string;
    readonly attempt: number;
    readonly path: string;
    readonly base: string;
  },
): Promise<Exported | NotExported> {
  if (link.state === "unreachable")
    return { ok: false, code: "unreachable", reason: link.problem ?? "it cannot be reached" };
  try {
    const { reply, attachment } = await link.request(
      { op: "export", session, attempt, path, base },
      { timeoutMs: EXPORT_MS_MAX },
    );
    if (reply.ok) {
      const { head } = ExportReply.parse(reply.value);
      return { ok: true, head, base, bundle: attachment };
    }
    const code = reply.code === "nothing-committed" ? "nothing-committed" : "failed";
    return { ok: false, code, reason: reply.reason };
  } catch (error) {
    if (error instanceof LinkError)
      return { ok: false, code: "unreachable", reason: error.message };
    throw error;
  }
}
