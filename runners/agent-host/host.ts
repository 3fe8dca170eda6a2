/** One agent and its dialect: who says what to whom, and when it is over. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { writeSync } from "node:fs";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import * as z from "zod/mini";
import type { Dialect, Opening, Step } from "../../src/dialects/dialect.ts";
import { looksLikeNote, noteLine, type Note } from "../../src/dialects/note.ts";
import { readLines } from "./lines.ts";

/** A longer line is kept in the transcript, but nobody reads it: eight times the longest message seen. */
const LINE_BYTES_MAX = 8 * 1024 * 1024;
/** The slowest agent seen needed ten seconds on a busy machine until its conversation was open. */
const OPEN_MS_MAX = 120_000;
/** As `sh` says it. */
const NOT_FOUND = 127;
/** How long to wait before a full disk is tried again. */
const FULL_DISK_MS = 1_000;

const UserLine = z.object({ type: z.literal("user"), uuid: z.string(), text: z.string() });

export interface HostOptions {
  readonly dialect: Dialect;
  readonly opening: Opening;
  readonly command: readonly string[];
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

export function host({ dialect, opening, command: [program = "", ...args] }: HostOptions): void {
  const child: Child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  let state: unknown;
  let ready = false;

  const react = ({ state: next, write, notes }: Step<unknown>): void => {
    state = next;
    for (const note of notes) {
      ready ||= note.kind === "ready" || note.kind === "failed";
      say(note);
    }
    for (const line of write) child.stdin.write(`${line}\n`);
  };
  const output = readLines(LINE_BYTES_MAX, {
    line(text, bytes) {
      // Nothing of the agent may be taken for a note of ours.
      if (looksLikeNote(text)) say({ kind: "line", text });
      else print(bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Buffer.from("\n")]));
      react(dialect.line(state, text));
    },
    piece: print,
    overlong: (bytes) => say({ kind: "overlong", bytes }),
  });
  const input = readLines(LINE_BYTES_MAX, {
    line(text) {
      const message = messageIn(text);
      if (message === null)
        process.stderr.write(`agent-host: not a message: ${text.slice(0, 200)}\n`);
      else react(dialect.command(state, { kind: "message", ...message }));
    },
    piece() {},
    overlong: (bytes) =>
      process.stderr.write(`agent-host: a message of ${bytes} bytes is too long\n`),
  });

  child.on("error", (error) => {
    const reason = `the agent's program ${program} cannot be started: ${explain(error)}; install it on the runner, or name it in the agent's command`;
    say({ kind: "failed", reason, retry: false });
    process.exit(NOT_FOUND);
  });
  // It ended while we were writing: its exit says so.
  child.stdin.on("error", () => {});
  child.stdout.on("data", (chunk: Buffer) => output.feed(chunk));
  child.on("close", (code, signal) => {
    output.end();
    if (signal !== null) process.kill(process.pid, signal);
    process.exit(code ?? 1);
  });
  process.stdin.on("data", (chunk: Buffer) => input.feed(chunk));
  process.stdin.on("end", () => {
    input.end();
    react(dialect.command(state, { kind: "finish" }));
    child.stdin.end();
    if (dialect.atEnd === "ignores") child.kill("SIGTERM");
  });
  setTimeout(() => {
    if (ready) return;
    const reason = `the agent did not open its conversation within ${OPEN_MS_MAX / 1000} seconds`;
    say({ kind: "failed", reason, retry: true });
    child.kill("SIGKILL");
  }, OPEN_MS_MAX).unref();

  react(dialect.open(opening));
}

const explain = (error: Error): string =>
  "code" in error && error.code === "ENOENT" ? "it was not found" : error.message;

const say = (note: Note): void => print(Buffer.from(`${noteLine(note)}\n`));

/** Synchronous, so that what was said is written when we die. A full disk is waited for: the agent waits with us. */
function print(bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength;) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "ENOSPC" || code === "EDQUOT") pause(FULL_DISK_MS);
      else if (code !== "EAGAIN") throw error;
    }
  }
}

const pause = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

function messageIn(line: string): { readonly id: string; readonly text: string } | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Said on stderr by the caller.
    return null;
  }
  const parsed = UserLine.safeParse(value);
  return parsed.success ? { id: parsed.data.uuid, text: parsed.data.text } : null;
}
