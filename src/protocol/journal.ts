/**
 * The journal of an attempt: what happened to it on the runner, besides its output.
 *
 * One JSON line per entry in `journal.ndjson`, `seq` counting from 1 without a gap, `outAt` = bytes in
 * the output file at that moment. Order is part of the contract: `prepared` before `spawned`, `spawned`
 * before any output, every output before `exited`, nothing after `exited`.
 */
import * as z from "zod/mini";

const text = z.string();
const sha = z.string().check(z.regex(/^[0-9a-f]{40,64}$/u));
const count = z.int().check(z.gte(0));

/** The checkout is there. `base` = the commit this checkout started from (exports are `^base`). */
const Prepared = z.object({
  kind: z.literal("prepared"),
  path: text,
  base: sha,
  head: sha,
  /** What is not in the checkout although one may expect it (submodules, LFS), a sentence each. Absent = nothing; older daemons never say. */
  notes: z.optional(z.readonly(z.array(text))),
});
/**
 * No agent was started and none will be for this attempt. `retry` = the cause may pass by itself
 * (unreachable upstream, full disk); false = trying again cannot help (no such branch).
 */
const PrepareFailed = z.object({
  kind: z.literal("prepare-failed"),
  stage: z.enum(["workspace", "fetch", "checkout", "setup", "spawn"]),
  reason: text,
  retry: z.boolean(),
});
/** One setup command ended. `output` = its last 2,000 characters. */
const SetupRan = z.object({
  kind: z.literal("setup-ran"),
  command: text,
  code: z.nullable(z.int()),
  output: text,
});
const Spawned = z.object({ kind: z.literal("spawned"), pid: count, bootId: text });
/** A line for the agent is on disk in `in`. Stored is not delivered: the driver sees the agent's echo. */
const InputStored = z.object({
  kind: z.literal("input-stored"),
  id: text,
  offset: count,
  length: count,
});
/** The agent called a tool. `call` is unique within the attempt and stable over relay reconnects. */
const ToolCalled = z.object({
  kind: z.literal("tool-called"),
  call: text,
  tool: text,
  arguments: z.unknown(),
});
/** The first reply to a call; later ones are ignored. `interrupted`: the relay was gone, nobody read it. */
const ToolAnswered = z.object({
  kind: z.literal("tool-answered"),
  call: text,
  outcome: z.enum(["result", "parked"]),
});
/** The end. `code` null = killed by `signal`, or unknown after a reboot (`cause: "keeper-lost"`). */
const Exited = z.object({
  kind: z.literal("exited"),
  code: z.nullable(z.int()),
  signal: z.nullable(text),
  cause: z.enum(["itself", "stopped", "keeper-lost", "never-started"]),
  outBytes: count,
  errBytes: count,
});

export const JournalEntry = z.discriminatedUnion("kind", [
  Prepared,
  PrepareFailed,
  SetupRan,
  Spawned,
  InputStored,
  ToolCalled,
  ToolAnswered,
  Exited,
]);
export type JournalEntry = z.infer<typeof JournalEntry>;

/** As stored in the file: entry plus position. `at` = runner's clock in ms, for people only. */
export const JournalLine = z.object({
  seq: z.int().check(z.gte(1)),
  outAt: count,
  at: z.number(),
  entry: JournalEntry,
});
export type JournalLine = z.infer<typeof JournalLine>;
