/** The agent host as a process, with an agent that behaves badly in every way we could think of. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { openSync, closeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { beforeAll, expect, test } from "vitest";
import { prepareRecord } from "../../runners/agent-host/gemini-record.ts";
import { whyNot } from "../../runners/agent-host/guard.ts";
import { parseNote, type Note } from "../../src/dialects/note.ts";
import { message, program, waitFor } from "./world.ts";

let hostFile = "";
beforeAll(async () => {
  hostFile = join((await program()).directory, "agent-host.mjs");
});

const fake = join(import.meta.dirname, "fake-agent.ts");

/** The host with its output in a file, as the keeper starts it. */
class Stage implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), "orcha-h-"));
  out = join(this.root, "out");
  child: ChildProcess | undefined;
  ended: Promise<unknown[]> | undefined;

  start(
    command: readonly string[],
    {
      opening = {},
      env = {},
    }: { readonly opening?: object; readonly env?: NodeJS.ProcessEnv } = {},
  ): ChildProcess {
    const file = join(this.root, "opening.json");
    const all = {
      workspace: this.root,
      conversation: null,
      session: "ses_1",
      profile: "full",
      model: null,
      servers: {},
      ...opening,
    };
    writeFileSync(file, JSON.stringify(all));
    const out = openSync(this.out, "a");
    const err = openSync(join(this.root, "err"), "a");
    this.child = spawn(process.execPath, [hostFile, "acp", file, "--", ...command], {
      stdio: ["pipe", out, err],
      env: { PATH: process.env["PATH"], ...env },
      detached: true,
    });
    closeSync(out);
    closeSync(err);
    this.ended = once(this.child, "exit");
    return this.child;
  }

  fake(how: string, options: Parameters<Stage["start"]>[1] = {}): ChildProcess {
    return this.start([process.execPath, fake, how], options);
  }

  say(id: string): void {
    this.child?.stdin?.write(`${message(id, `text of ${id}`).line}\n`);
  }

  get lines(): readonly string[] {
    return readFileSync(this.out, "utf8").split("\n").slice(0, -1);
  }

  get notes(): readonly Note[] {
    return this.lines.map(parseNote).filter((note) => note !== null);
  }

  async note(kind: Note["kind"]): Promise<Note> {
    return waitFor(`note ${kind}`, () => this.notes.find((note) => note.kind === kind));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child?.exitCode === null && this.child.signalCode === null) {
      process.kill(-(this.child.pid ?? 0), "SIGKILL");
      await this.ended;
    }
    rmSync(this.root, { recursive: true, force: true });
  }
}

test("the agent's lines as they are, notes after them, and its end is ours", async () => {
  await using stage = new Stage();
  stage.fake("well");
  stage.say("m1");
  await stage.note("taken");
  stage.child?.stdin?.end();
  expect(await stage.ended).toEqual([0, null]);
  expect(stage.notes.map(({ kind }) => kind)).toEqual(["ready", "taken"]);
  const [, , ready, said, taken] = stage.lines;
  expect(ready).toBe('{"orcha":{"kind":"ready","conversation":"c1"}}');
  expect(said).toContain("text of m1");
  expect(taken).toContain('"taken"');
});

test("nothing an agent prints is taken for a note", async () => {
  await using stage = new Stage();
  stage.fake("forges");
  stage.say("m1");
  await stage.note("taken");
  const kinds = stage.notes.map(({ kind }) => kind);
  expect(kinds).toEqual(["ready", "line", "line", "overlong", "taken"]);
});

test("bytes that are no text stay as they are", async () => {
  await using stage = new Stage();
  stage.fake("bytes");
  stage.say("m1");
  await stage.note("taken");
  const bytes = readFileSync(stage.out);
  expect(bytes.includes(Buffer.from([0xff, 0xfe, 0x00, 0x80, 0x0a]))).toBe(true);
});

test("100 MB on one line pass through with bounded memory, and the conversation goes on", async () => {
  await using stage = new Stage();
  stage.fake("long");
  stage.say("m1");
  await stage.note("taken");
  expect(await stage.note("overlong")).toMatchObject({ bytes: 100 * 1024 * 1024 + 1 });
  expect(statSync(stage.out).size).toBeGreaterThan(100 * 1024 * 1024);
  const status = readFileSync(`/proc/${stage.child?.pid}/status`, "utf8");
  const peakKiB = Number(/VmHWM:\s+(?<peak>\d+)/u.exec(status)?.groups?.["peak"]);
  expect(peakKiB).toBeLessThan(250 * 1024);
});

const endings = [
  [
    "dies",
    3,
    "the agent ended before its conversation was open (exit code 3): Error: no credentials in ~/.agent",
  ],
  ["crashes", 7, "the agent ended (exit code 7): panic: out of cheese"],
] as const;

test.for(endings)("an agent that %s: exit code %i, and why", async ([how, code, reason]) => {
  await using stage = new Stage();
  stage.fake(how);
  stage.say("m1");
  expect(await stage.ended).toEqual([code, null]);
  expect(stage.notes.at(-1)).toEqual({ kind: "failed", reason, retry: true });
  expect(readFileSync(join(stage.root, "err"), "utf8")).toContain(reason.slice(-5));
});

test("an agent that is killed: the same signal ends us, and nothing is said about it", async () => {
  await using stage = new Stage();
  stage.fake("killed");
  stage.say("m1");
  expect(await stage.ended).toEqual([null, "SIGKILL"]);
  expect(stage.notes.map(({ kind }) => kind)).toEqual(["ready"]);
});

test("a last line without its end is a line", async () => {
  await using stage = new Stage();
  stage.fake("half");
  stage.say("m1");
  expect(await stage.ended).toEqual([0, null]);
  expect(stage.lines.at(-1)).toBe("no newline at the end");
});

test("a program that is not there: what to do, and no second try", async () => {
  await using stage = new Stage();
  stage.start(["/nowhere/agent"]);
  expect(await stage.ended).toEqual([127, null]);
  expect(stage.notes).toMatchObject([{ kind: "failed", retry: false }]);
  expect(stage.lines.join("\n")).toContain("/nowhere/agent cannot be started: it was not found");
});

test("an agent that says nothing is not waited for for ever", async () => {
  await using stage = new Stage();
  stage.fake("mute", { opening: { openMs: 300 } });
  expect(await stage.ended).toEqual([null, "SIGKILL"]);
  expect(stage.notes).toMatchObject([{ kind: "failed", retry: true }]);
});

test("SIGTERM to the group: the agent may say its last lines, and SIGKILL ends both", async () => {
  await using stage = new Stage();
  const { pid = 0 } = stage.fake("stubborn");
  await stage.note("ready");
  process.kill(-pid, "SIGTERM");
  await waitFor("the agent's line", () => stage.lines.some((line) => line.includes("got-sigterm")));
  process.kill(-pid, "SIGKILL");
  expect(await stage.ended).toEqual([null, "SIGKILL"]);
});

test("a variable that asks for a random value gets one, another each time", async () => {
  await using stage = new Stage();
  const command = [process.execPath, "-e", "console.log(process.env.A, process.env.B)"];
  stage.start(command, { env: { A: "{random}", B: "as it is" } });
  await stage.ended;
  expect(stage.lines[0]).toMatch(/^[0-9a-f]{48} as it is$/u);
});

test("files of the repository that would change how the agent runs: it is not started", async () => {
  await using stage = new Stage();
  const guards = [
    { path: ".a/.env", harmless: [] },
    { path: "settings.json", harmless: ["context"] },
  ];
  const file = join(stage.root, "settings.json");
  expect(whyNot(stage.root, guards)).toBeNull();
  writeFileSync(file, '{"context":{}}');
  expect(whyNot(stage.root, guards)).toBeNull();
  writeFileSync(file, '{"context":{},"mcpServers":{}}');
  expect(whyNot(stage.root, guards)).toContain("settings.json (mcpServers)");
  writeFileSync(file, "{ // comment\n}");
  expect(whyNot(stage.root, guards)).toContain("not plain JSON");
  stage.fake("well", { opening: { guards } });
  expect(await stage.ended).toEqual([78, null]);
  expect(stage.notes).toMatchObject([{ kind: "failed", retry: false }]);
  rmSync(file);
  mkdirSync(join(stage.root, ".a"));
  writeFileSync(join(stage.root, ".a", ".env"), "");
  expect(whyNot(stage.root, guards)).toContain(".a/.env");
});

const recordName = (minute: string, id = "abcdef01"): string =>
  `session-2026-01-02T03-${minute}-${id}.jsonl`;
const at = (time: string): Date => new Date(`2026-01-02T${time}Z`);

test("Gemini CLI's record: never of this minute, and second files are taken away", async () => {
  await using stage = new Stage();
  const chats = join(stage.root, ".gemini", "tmp", "w", "chats");
  mkdirSync(chats, { recursive: true });
  const put = (file: string, text: string): void => writeFileSync(join(chats, file), text);
  const opening = {
    conversation: "abcdef01-2222-4333-8444-555555555555",
    record: "gemini",
  } as const;
  put(recordName("04"), "the conversation");
  put(recordName("04", "99999999"), "another's");
  prepareRecord(opening, stage.root, at("03:04:30"));
  expect(readdirSync(chats)).toEqual([recordName("03"), recordName("04", "99999999")]);
  put(recordName("05"), "second");
  prepareRecord(opening, stage.root, at("03:05:30"));
  expect(readdirSync(chats)).toEqual([recordName("03"), recordName("04", "99999999")]);
  expect(readFileSync(join(chats, recordName("03")), "utf8")).toBe("the conversation");
  put(recordName("06"), "larger than the conversation: not a second one");
  prepareRecord(opening, stage.root, at("03:07:00"));
  prepareRecord({ ...opening, conversation: null }, stage.root, at("03:06:00"));
  prepareRecord(opening, join(stage.root, "nowhere"), at("03:06:00"));
  expect(readdirSync(chats)).toHaveLength(3);
});

test("a full disk is waited for: nothing is lost when there is space again", async ({ skip }) => {
  await using stage = new Stage();
  const disk = join(stage.root, "disk");
  mkdirSync(disk);
  const mount = 'mount -t tmpfs -o size=2m,mode=0700 tmpfs "$1"';
  if (spawnSync("sh", ["-c", mount, "sh", disk]).status !== 0) skip("mounting needs root");
  try {
    stage.out = join(disk, "out");
    writeFileSync(join(disk, "filler"), Buffer.alloc(1_500_000));
    stage.fake("much");
    stage.say("m1");
    await waitFor("a full disk", () => statSync(stage.out).size > 400_000);
    expect(stage.notes.map(({ kind }) => kind)).toEqual(["ready"]);
    rmSync(join(disk, "filler"));
    await stage.note("taken");
    expect(stage.lines.map(({ length }) => length)).toContain(1024 * 1024);
  } finally {
    spawnSync("umount", ["-l", disk]);
  }
});
