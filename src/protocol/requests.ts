/**
 * What the control plane asks of a runner's daemon, and what it answers. See README.md for MUST/SHOULD.
 * Every request is safe to repeat: it is keyed by (session, attempt) or by its own id.
 */
import * as z from "zod/mini";

/** Versions this program speaks. A control plane MUST keep talking to daemons one version older. */
export const PROTOCOL_VERSION = 1;

const text = (max: number) => z.string().check(z.maxLength(max));
const name = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u));
const count = z.int().check(z.gte(0));
const session = name;
const attempt = z.int().check(z.gte(1));
const of = { session, attempt };
const sha = z.string().check(z.regex(/^[0-9a-f]{40,64}$/u));
/** A path below the work root: no empty part, no dot part, so it cannot leave it. */
const relativePath = z
  .string()
  .check(
    z.maxLength(512),
    z.regex(/^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/u),
  );

/** In a repository, from its top; nothing that git would take for a pattern or an option. */
const directory = z
  .string()
  .check(z.maxLength(255), z.regex(/^(?![/!#-])(?!.*(?:^|\/)\.{0,2}(?:\/|$))[^\p{Cc}\\"*?[\]]+$/u));

/** Where the attempt works. */
const Workspace = z.discriminatedUnion("kind", [
  /** A new checkout of what `url` has now. */
  z.object({
    kind: z.literal("checkout"),
    path: relativePath,
    url: text(2048),
    /** Mirror shared by all sessions of the repository on this runner. */
    mirror: relativePath,
    /** Branch of upstream to start from. */
    from: text(255),
    /** Local branch to create; null leaves HEAD detached (managers). */
    branch: z.nullable(text(255)),
    /** Branch whose agent configuration files are put back over those of `from` (follow-ups); null = none. */
    restoreFrom: z.nullable(text(255)),
    setup: z.array(text(4096)).check(z.maxLength(20)),
    /** Only these directories are checked out (cone mode). Absent = everything; older daemons check everything out. */
    sparse: z.optional(z.array(directory).check(z.maxLength(100))),
  }),
  /** The checkout of an earlier attempt, untouched. */
  z.object({ kind: z.literal("reuse"), path: relativePath, base: sha }),
]);
export type WorkspaceSpec = z.infer<typeof Workspace>;

/** A line for the agent's stdin, without the newline. `id` makes a repetition harmless. */
export const InputLine = z.object({ id: name, line: text(4 * 1024 * 1024) });
export type InputLine = z.infer<typeof InputLine>;

/** A tool as the MCP server shows it. `inputSchema` is JSON Schema of an object. */
export const ToolSpec = z.object({
  name,
  description: text(4096),
  inputSchema: z.record(z.string(), z.unknown()),
});
export type ToolSpec = z.infer<typeof ToolSpec>;

/** A file written below the session's state directory before the start (MCP configuration, prompt). */
const StateFile = z.object({ path: relativePath, content: text(1024 * 1024) });

export const AttemptSpec = z.object({
  ...of,
  workspace: Workspace,
  agent: z.object({
    /**
     * Program and arguments. The daemon replaces `{node}`, `{program}` (directory of the runner program),
     * `{state}` (directory of the session's agent state), `{workspace}`, `{relay}` and `{socket}`.
     */
    command: z.array(text(4096)).check(z.minLength(1), z.maxLength(256)),
    /** Values to set (same placeholders); nothing of the daemon's environment passes but `inherit`. */
    env: z.record(z.string(), text(32 * 1024)),
    inherit: z.array(text(128)).check(z.maxLength(64)),
    files: z.array(StateFile).check(z.maxLength(32)),
  }),
  input: z.array(InputLine).check(z.maxLength(1000)),
  tools: z.array(ToolSpec).check(z.maxLength(64)),
});
export type AttemptSpec = z.infer<typeof AttemptSpec>;

/** For this one git command only: kept in memory, handed over by file descriptor, never stored. */
const Credential = z.object({ username: text(256), password: text(4096) });

/** `command` = a name in the PATH of the runner's user, or an absolute path. */
const AgentToLookFor = z.object({
  name,
  command: text(4096).check(z.regex(/^(?!-)[^\0\n]+$/u)),
  /** The program it is, when `name` is one of the operator's. */
  kind: z.optional(name),
  /** Names of variables that its sessions get besides those of the runner. */
  given: z.optional(z.array(text(256)).check(z.maxLength(64))),
});

/** Each takes time: whoever wants more asks again. */
export const EXAMINED_MAX = 16;
const KNOWN_MAX = 64;

/** `base` = where it started, if the runner's own note of it is missing; `known` = commits that are published. */
const Examined = z.object({
  path: relativePath,
  base: z.optional(sha),
  known: z.optional(z.array(sha).check(z.maxLength(KNOWN_MAX))),
});
export type Examined = z.infer<typeof Examined>;

export const Request = z.discriminatedUnion("op", [
  z.object({
    op: z.literal("hello"),
    protocol: z.object({ min: z.int(), max: z.int() }),
    installation: name,
    plane: name,
    epoch: count,
    /** New after a backup was restored: tells two control planes of one epoch apart. Older control planes send none. */
    generation: z.optional(text(64)),
    /** The name under which the control plane knows this runner: two names for one work root are refused. Older ones send none. */
    runner: z.optional(name),
  }),
  z.object({
    op: z.literal("start"),
    spec: AttemptSpec,
    credential: z.nullable(Credential),
  }),
  /** Stream the attempt from these positions on. Answers `unknown-attempt` or `behind`. */
  z.object({ op: z.literal("attach"), ...of, out: count, err: count, seq: count }),
  z.object({ op: z.literal("detach"), ...of }),
  z.object({ op: z.literal("input"), ...of, input: InputLine }),
  /** End of input: kills the `tail`, the agent reads EOF. */
  z.object({ op: z.literal("end-input"), ...of }),
  /** EOF, then SIGTERM, then SIGKILL after `graceMs`, then a sweep for `ORCHA_SESSION`. Also before `start` arrived: a tombstone. */
  z.object({ op: z.literal("stop"), ...of, graceMs: count }),
  /** Reply to a tool call. Answers which outcome won. */
  z.object({
    op: z.literal("answer"),
    ...of,
    call: text(256),
    outcome: z.enum(["result", "parked"]),
    isError: z.boolean(),
    content: text(1024 * 1024),
  }),
  /** `bundle create - HEAD ^base` of the workspace: the bundle is the reply's attachment. */
  z.object({ op: z.literal("export"), ...of, path: relativePath, base: sha }),
  /** Deletes a checkout. Refused (`busy`) while an attempt lives in it. */
  z.object({ op: z.literal("remove-workspace"), path: relativePath }),
  /** The control plane has everything of this attempt on disk: its raw files may go. */
  z.object({ op: z.literal("purge"), ...of }),
  /** Is the machine fit? Everything is optional: older control planes say nothing, older daemons do not look at it. */
  z.object({
    op: z.literal("doctor"),
    /** The control plane's clock, ms since 1970, when it asked: compared with the runner's. */
    now: z.optional(count),
    /** http(s) URL of a repository or of its host: can the runner reach it? */
    upstream: z.optional(text(2048)),
    /** Which agents to look for; default: those we have drivers for. */
    agents: z.optional(z.array(AgentToLookFor).check(z.maxLength(16))),
    /** Nothing but the agents. Older daemons look at everything. */
    only: z.optional(z.literal("agents")),
  }),
  z.object({ op: z.literal("list") }),
  /** What is on the disk, and how much of it is left. Older daemons do not know it. */
  z.object({
    op: z.literal("workspaces"),
    /** Of these checkouts also: what is in them that is nowhere else? Each takes a look at its whole tree. */
    examine: z.optional(z.array(Examined).check(z.maxLength(EXAMINED_MAX))),
  }),
  /**
   * Everything of a checkout that its base has not, as a bundle (the reply's attachment) of two refs: `refs/orcha/head`
   * is its commit, `refs/orcha/snapshot` (when there is more) one commit on top with what is not committed, whose further
   * parents are its other branches and its stash. Nothing in the checkout changes, nothing it configures runs. Refused:
   * `busy`, `gone`, `nothing-committed` (there is nothing), `too-large`, `failed`. Older daemons do not know it.
   */
  z.object({
    op: z.literal("snapshot"),
    session,
    attempt: z.optional(attempt),
    path: relativePath,
    /** What is counted from, and left out. */
    base: sha,
    /** Also left out: commits that are published. */
    known: z.optional(z.array(sha).check(z.maxLength(KNOWN_MAX))),
    /** Whoever asks does not have the base: it comes along without its history, as a shallow one. */
    whole: z.optional(z.boolean()),
    /** An attempt may live there: then it is what the files were in passing. Default: refused as `busy`. */
    live: z.optional(z.boolean()),
  }),
  /** How is it just now? Optional: a daemon that does not know it is placed on as if nothing were known. */
  z.object({ op: z.literal("status") }),
  /** Where a checkout is, whether an agent is at work there, and what was done by hand since it ended. Runs nothing that the repository names. */
  z.object({ op: z.literal("look"), ...of, path: relativePath, base: sha }),
]);
export type Request = z.infer<typeof Request>;

export const ErrorCode = z.enum([
  "fenced",
  "version",
  "unknown-attempt",
  "behind",
  "not-implemented",
  "invalid",
  "busy",
  "stopped",
  "nothing-committed",
  "too-large",
  "gone",
  "failed",
]);
export type ErrorCode = z.infer<typeof ErrorCode>;

export const Reply = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), value: z.unknown() }),
  z.object({
    ok: z.literal(false),
    /** A newer daemon may have more reasons to refuse than we know: it failed. */
    // oxlint-disable-next-line promise/valid-params -- zod's, not a promise's
    code: z.catch(ErrorCode, "failed"),
    reason: z.string(),
    /** With `fenced`: the epoch this daemon obeys. A restored control plane goes above it. Older daemons do not say. */
    epoch: z.optional(count),
  }),
]);
export type Reply = z.infer<typeof Reply>;

/** One attempt as the daemon knows it. `finished` = `exited` or `prepare-failed` is in its journal. */
export const AttemptInfo = z.object({
  ...of,
  finished: z.boolean(),
  outBytes: count,
  errBytes: count,
  seq: count,
});
export type AttemptInfo = z.infer<typeof AttemptInfo>;

export const HelloReply = z.object({
  protocol: z.int(),
  capabilities: z.array(z.string()),
  /** Highest epoch this daemon has ever seen. */
  epoch: count,
  runner: z.object({
    bootId: z.string(),
    pid: z.int(),
    user: z.string(),
    node: z.string(),
    git: z.string(),
    program: z.string(),
  }),
  attempts: z.array(AttemptInfo),
});
export type HelloReply = z.infer<typeof HelloReply>;

export const ExportReply = z.object({ head: sha, base: sha, commits: count, bytes: count });
export type ExportReply = z.infer<typeof ExportReply>;

export const LookReply = z.object({
  /** Absolute, on the runner. */
  path: text(4096),
  /** An attempt of the session has a process. */
  running: z.boolean(),
  head: sha,
  /** Newest first. Lists are cut; `more…` says so. */
  commits: z.array(z.object({ sha, subject: text(512) })),
  moreCommits: z.boolean(),
  files: z.array(text(4096)),
  moreFiles: z.boolean(),
});
export type LookReply = z.infer<typeof LookReply>;

/** `running` false: `prepare-failed` or `exited` is in the journal. */
export const StartReply = z.object({ running: z.boolean() });
export type StartReply = z.infer<typeof StartReply>;

export const AnswerReply = z.object({ won: z.enum(["result", "parked"]) });
export type AnswerReply = z.infer<typeof AnswerReply>;

/** One line of the doctor's report. `fix` = what to do, empty when `ok`. */
export const DoctorCheck = z.object({
  name: z.string(),
  ok: z.boolean(),
  required: z.boolean(),
  found: z.string(),
  fix: z.string(),
});
export type DoctorCheck = z.infer<typeof DoctorCheck>;
export const DoctorReply = z.object({ checks: z.array(DoctorCheck) });
export type DoctorReply = z.infer<typeof DoctorReply>;
/** Load of the last minute over all cores, free bytes where checkouts are, mirrors by `owner__name`. */
export const StatusReply = z.object({
  load: z.number().check(z.gte(0)),
  cores: z.int().check(z.gte(1)),
  freeBytes: z.number().check(z.gte(0)),
  mirrors: z.array(text(256)).check(z.maxLength(1000)),
});
export type StatusReply = z.infer<typeof StatusReply>;
export const ListReply = z.object({
  attempts: z.array(AttemptInfo),
  workspaces: z.array(z.string()),
});
export type ListReply = z.infer<typeof ListReply>;

/** What a checkout holds that is nowhere else. */
export const Evidence = z.object({
  head: sha,
  /** Commits of HEAD, of local branches and of the stash that neither its base nor what is published has. */
  ahead: count,
  /** Files are changed, added or removed and not committed; true also when that cannot be told. */
  dirty: z.boolean(),
});
export type Evidence = z.infer<typeof Evidence>;

export const WorkspaceInfo = z.object({
  path: relativePath,
  session: z.string(),
  ordinal: count,
  /** What it takes on the disk, looked at now and then; null = not known yet. */
  bytes: z.nullable(count),
  /** Ms since 1970 by the runner's clock. */
  usedAt: z.number(),
  /** An attempt lives in it. */
  busy: z.boolean(),
  /** The commit it started from; null = not noted. */
  base: z.nullable(sha),
  /** Only when it was asked for; absent also when it cannot be told, with the reason. */
  evidence: z.optional(Evidence),
  trouble: z.optional(z.string()),
});
export type WorkspaceInfo = z.infer<typeof WorkspaceInfo>;

export const WorkspacesReply = z.object({
  /** Bytes on the work root's file system. */
  disk: z.object({ free: count, total: count }),
  workspaces: z.array(WorkspaceInfo),
});
export type WorkspacesReply = z.infer<typeof WorkspacesReply>;

export const SnapshotReply = z.object({
  head: sha,
  /** null = everything is in `head`. */
  snapshot: z.nullable(sha),
  base: sha,
  /** Those of `head` and of other branches that neither the base nor `known` has. */
  commits: count,
  bytes: count,
  /** What is in the directory and not in the snapshot, with the reason; at most 100 are named. */
  skipped: z.array(z.object({ path: z.string(), reason: z.string() })),
});
export type SnapshotReply = z.infer<typeof SnapshotReply>;
