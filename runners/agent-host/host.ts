/** One agent and its dialect: who says what to whom, and when it is over. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { constants } from "node:os";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import * as z from "zod/mini";
import type { Dialect, Opening, Step } from "../../src/dialects/dialect.ts";
import { looksLikeNote } from "../../src/dialects/note.ts";
import { openLastWords } from "./last-words.ts";
import { readLines, type LineReader } from "./lines.ts";
import { openSpeech, print, type Speech } from "./speech.ts";

/** A longer line is kept in the transcript, but nobody reads it: eight times the longest message seen. */
const LINE_BYTES_MAX = 8 * 1024 * 1024;
/** As `sh` says it. */
const NOT_FOUND = 127;
/** Something that the agent left behind may hold its output open for ever. */
const OUTPUT_MS_MAX = 1_000;
/** A signal to us usually went to the whole group: the agent has it already, and a second one would cut its end short. */
const PASS_ON_MS = 500;

const UserLine = z.object({ type: z.literal("user"), uuid: z.string(), text: z.string() });

export interface HostOptions {
  readonly dialect: Dialect;
  readonly opening: Opening;
  /** Within this time the conversation has to be open. */
  readonly openMs: number;
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

export function host({ dialect, opening, openMs, command, env }: HostOptions): void {
  const [program = "", ...args] = command;
  const child: Child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env });
  const speech = openSpeech();
  let state: unknown;
  let ready = false;

  const react = ({ state: next, write, notes }: Step<unknown>): void => {
    state = next;
    for (const note of notes) {
      ready ||= note.kind === "ready" || note.kind === "failed";
      speech.say(note);
    }
    for (const line of write) child.stdin.write(`${line}\n`);
  };
  const output = readOutput(speech, (line) => react(dialect.line(state, line)));
  child.stdout.on("data", (chunk: Buffer) => output.feed(chunk));
  // It ended while we were writing: its exit says so.
  child.stdin.on("error", () => {});

  const stop = onStop(child, () => {
    react(dialect.command(state, { kind: "finish" }));
    child.stdin.end();
    if (dialect.atEnd === "ignores") child.kill("SIGTERM");
  });
  onMessages(
    (message) => react(dialect.command(state, { kind: "message", ...message })),
    stop.finish,
  );
  onEnd(child, output, (how, words) => {
    if (stop.asked() || (ready && how.code === null)) return;
    if (ready && how.code === 0) return;
    const when = ready ? "" : " before its conversation was open";
    const said = words === "" ? "" : `: ${words}`;
    speech.say({
      kind: "failed",
      reason: `the agent ended${when} (${how.text})${said}`,
      retry: true,
    });
  });
  child.on("error", (error) => {
    const reason = `the agent's program ${program} cannot be started: ${explain(error)}; install it on the runner, or name it in the agent's command`;
    speech.say({ kind: "failed", reason, retry: false });
    process.exit(NOT_FOUND);
  });
  setTimeout(() => {
    if (ready) return;
    const reason = `the agent did not open its conversation within ${Math.round(openMs / 1000)} seconds`;
    speech.say({ kind: "failed", reason, retry: true });
    ready = true;
    child.kill("SIGKILL");
  }, openMs).unref();

  react(dialect.open(opening));
}

function readOutput(speech: Speech, onLine: (line: string) => void): LineReader {
  return readLines(LINE_BYTES_MAX, {
    line(text, bytes) {
      // Nothing of the agent may be taken for a note of ours.
      if (looksLikeNote(text)) speech.say({ kind: "line", text });
      else speech.lines(bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Buffer.from("\n")]));
      onLine(text);
    },
    piece: (bytes) => speech.piece(bytes),
    overlong(bytes) {
      speech.lineEnds();
      speech.say({ kind: "overlong", bytes });
    },
  });
}

/** The end of input, and signals. `finish` is called once. */
function onStop(
  child: Child,
  finish: () => void,
): { readonly asked: () => boolean; readonly finish: () => void } {
  let asked = false;
  // While one is listened to it does not end us: the agent's last lines are still to come.
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
    process.on(name, () => {
      asked = true;
      setTimeout(() => child.kill(name), PASS_ON_MS);
    });
  return {
    asked: () => asked,
    finish() {
      asked = true;
      finish();
    },
  };
}

function onMessages(
  take: (message: { readonly id: string; readonly text: string }) => void,
  atEnd: () => void,
): void {
  const input = readLines(LINE_BYTES_MAX, {
    line(text) {
      const message = messageIn(text);
      if (message === null) complain(`not a message: ${text.slice(0, 200)}`);
      else take(message);
    },
    piece() {},
    overlong: (bytes) => complain(`a message of ${bytes} bytes is too long`),
  });
  process.stdin.on("data", (chunk: Buffer) => input.feed(chunk));
  process.stdin.on("end", () => {
    input.end();
    atEnd();
  });
}

interface Ending {
  readonly code: number | null;
  /** For people: `exit code 1`, `SIGKILL`. */
  readonly text: string;
}

/** We end as the agent did, after its last line. */
function onEnd(
  child: Child,
  output: LineReader,
  tell: (how: Ending, lastWords: string) => void,
): void {
  const words = openLastWords();
  child.stderr.on("data", (chunk: Buffer) => {
    words.feed(chunk);
    print(2, chunk);
  });
  const end = (code: number | null, signal: NodeJS.Signals | null): void => {
    output.end();
    tell({ code, text: signal ?? `exit code ${code}` }, words.line());
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    // A signal that does not end a process of ours.
    process.exit(128 + constants.signals[signal]);
  };
  child.on("close", end);
  child.on("exit", (code, signal) => setTimeout(() => end(code, signal), OUTPUT_MS_MAX));
}

const explain = (error: Error): string =>
  "code" in error && error.code === "ENOENT" ? "it was not found" : error.message;

const complain = (text: string): void => print(2, Buffer.from(`agent-host: ${text}\n`));

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
