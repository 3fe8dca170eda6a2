/** The script agent alone, as a process: every step, mistakes, and being killed anywhere. Tools are in tools.test.ts. */
import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { beforeAll, expect, test } from "vitest";
import { message, program, waitFor } from "./world.ts";

let agentFile = "";
beforeAll(async () => {
  agentFile = join((await program()).directory, "script-agent.mjs");
});

const block = (steps: unknown): string =>
  `Please.\n\n\`\`\`orcha-steps\n${JSON.stringify(steps)}\n\`\`\`\n`;

/** A workspace, a state directory, and processes on them. */
class Stage implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), "orcha-s-"));
  readonly workspace = join(this.root, "ws");
  output = Buffer.alloc(0);
  errors = "";
  #agent: ChildProcessWithoutNullStreams | undefined;
  #ended: Promise<{ code: number | null; signal: string | null }> | undefined;

  constructor() {
    execFileSync("git", ["init", "--quiet", "--initial-branch=main", this.workspace]);
    writeFileSync(join(this.workspace, "a.txt"), "one\ntwo\n");
    this.git("add", "-A");
    this.git("commit", "--quiet", "-m", "start");
  }

  git(...args: string[]): string {
    return execFileSync("git", args, {
      cwd: this.workspace,
      encoding: "utf8",
      env: this.env,
    }).trim();
  }

  readonly env = {
    PATH: process.env["PATH"] ?? "",
    GIT_AUTHOR_NAME: "t",
    GIT_AUTHOR_EMAIL: "t@t.invalid",
    GIT_COMMITTER_NAME: "t",
    GIT_COMMITTER_EMAIL: "t@t.invalid",
  };

  start(): void {
    const agent = spawn(process.execPath, [agentFile, "--state", join(this.root, "state")], {
      cwd: this.workspace,
      env: this.env,
    });
    agent.stdout.on("data", (part: Buffer) => {
      this.output = Buffer.concat([this.output, part]);
    });
    agent.stderr.setEncoding("utf8").on("data", (part: string) => {
      this.errors += part;
    });
    agent.stdin.on("error", () => {});
    this.#ended = new Promise((resolve) => {
      agent.once("close", (code, signal) => resolve({ code, signal }));
    });
    this.#agent = agent;
  }

  send(id: string, text: string): void {
    this.#agent?.stdin.write(`${message(id, text).line}\n`);
  }
  kill(): void {
    this.#agent?.kill("SIGKILL");
  }
  async end(): Promise<{ code: number | null; signal: string | null }> {
    this.#agent?.stdin.end();
    return (await this.#ended) ?? { code: null, signal: null };
  }
  get text(): string {
    return this.output.toString("utf8");
  }
  /** Texts it said, in order. */
  get said(): string[] {
    return this.text.split("\n").flatMap((line) => {
      const found = /^\{"type":"text","text":(?<text>".*")\}$/u.exec(line)?.groups?.["text"];
      return found === undefined ? [] : [String(JSON.parse(found))];
    });
  }
  turnEnd(count = 1): Promise<string> {
    return waitFor(`turn end ${count}: ${this.text.slice(-1000)}${this.errors}`, () => {
      const ends = this.text.match(/^\{"type":"turn-end".*\}$/gmu) ?? [];
      return ends.length >= count && ends[count - 1];
    });
  }
  file(name: string): string {
    return readFileSync(join(this.workspace, name), "utf8");
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.#ended;
    rmSync(this.root, { recursive: true });
  }
}

async function play(steps: unknown): Promise<Stage> {
  const stage = new Stage();
  stage.start();
  stage.send("m1", block(steps));
  await stage.turnEnd();
  return stage;
}

test("files, commands, commits, variables", async () => {
  await using stage = await play([
    { write: { path: "dir/new.txt", content: "hello" } },
    { append: { path: "dir/new.txt", content: " world\n" } },
    { replace: { path: "a.txt", find: "two", with: "${missing_is_checked_late}" } },
  ]);
  expect(await stage.turnEnd()).toContain("there is no missing_is_checked_late");
  await using other = await play([
    { write: { path: "dir/new.txt", content: "hello" } },
    { append: { path: "dir/new.txt", content: " world\n" } },
    { replace: { path: "a.txt", find: "two", with: "2" } },
    { run: "cat dir/new.txt", save: "read" },
    { say: "it says ${read}" },
    { expect: "${read}", contains: "world" },
    { expect: "${read}", equals: "hello world" },
    { run: "exit 4", expect: 4 },
    { commit: "all of it" },
    { delete: "dir/new.txt" },
    { stderr: "to stderr" },
  ]);
  expect(await other.turnEnd()).toBe('{"type":"turn-end"}');
  expect(other.said).toEqual(["it says hello world"]);
  expect(other.file("a.txt")).toBe("one\n2\n");
  expect(other.git("log", "--format=%s")).toBe("all of it\nstart");
  expect(other.git("status", "--short")).toBe("D dir/new.txt");
  expect(other.errors).toContain("to stderr\n");
});

test("loops and branches", async () => {
  await using stage = await play([
    { repeat: 2, steps: [{ say: "outer" }, { repeat: 3, steps: [{ say: "inner" }] }] },
    { repeat: 0, steps: [{ say: "never" }] },
    { run: "echo yes", save: "v" },
    { when: "${v}", equals: "yes", steps: [{ say: "then" }], else: [{ say: "otherwise" }] },
    { when: "${v}", equals: "no", steps: [{ say: "then" }], else: [{ say: "otherwise" }] },
    { when: "${v}", equals: "no", steps: [{ say: "then" }] },
    { say: "end" },
  ]);
  const inner = ["inner", "inner", "inner"];
  expect(stage.said).toEqual(["outer", ...inner, "outer", ...inner, "then", "otherwise", "end"]);
});

test("waiting ends the turn; messages are consumed once, in any order with waitAll", async () => {
  await using stage = await play([
    { wait: "First", save: "m" },
    { say: "n is ${m.data.n}" },
    { waitAll: ["alpha", "beta"] },
    { say: "both" },
    { wait: "alpha" },
    { say: "again" },
  ]);
  stage.send("m2", 'this is the FIRST\n\n```json\n{"n": 7}\n```\n');
  await stage.turnEnd(2);
  stage.send("m3", "beta");
  await stage.turnEnd(3);
  expect(stage.said).toEqual(["n is 7"]);
  stage.send("m4", "alpha");
  await stage.turnEnd(4);
  expect(stage.said).toEqual(["n is 7", "both"]);
  // The same message again is taken, and satisfies nothing.
  stage.send("m4", "alpha");
  await stage.turnEnd(5);
  expect(stage.said).toEqual(["n is 7", "both"]);
  stage.send("m5", "alpha");
  await stage.turnEnd(6);
  stage.send("m6", "anything");
  await stage.turnEnd(7);
  expect(stage.said).toEqual(["n is 7", "both", "again", "my script is at its end"]);
  expect(stage.text.match(/"taken","uuid":"m4"/gu)).toHaveLength(2);
  expect(await stage.end()).toEqual({ code: 0, signal: null });
});

test("messages in mid-turn are taken at once and kept", async () => {
  await using stage = new Stage();
  stage.start();
  stage.send(
    "m1",
    block([
      { run: "while ! test -e go; do sleep 0.01; done" },
      { wait: "second" },
      { say: "had it" },
    ]),
  );
  await waitFor("the turn", () => stage.text.includes("turn-start"));
  stage.send("m2", "the second");
  await waitFor("taken", () => stage.text.includes('"uuid":"m2"'));
  expect(stage.text).not.toContain("turn-end");
  writeFileSync(join(stage.workspace, "go"), "");
  await stage.turnEnd();
  expect(stage.said).toEqual(["had it"]);
});

test("reacting to messages in any order until one comes", async () => {
  await using stage = await play([
    {
      onMessage: { reported: [{ say: "report: ${m.text}" }], asked: [{ say: "question" }] },
      until: "merged",
      save: "m",
    },
    { say: "done" },
  ]);
  for (const [index, text] of [
    "bob asked",
    "alice reported",
    "noise",
    "bob reported",
    "it was merged",
  ].entries()) {
    stage.send(`e${index}`, text);
    await stage.turnEnd(index + 2);
  }
  expect(stage.said).toEqual([
    "question",
    "report: alice reported",
    "report: bob reported",
    "done",
  ]);
});

test("garbage and long lines do not keep it from being understood", async () => {
  await using stage = await play([{ garbage: 5000 }, { longLine: 200_000 }, { say: "still here" }]);
  expect(stage.said.at(-1)).toBe("still here");
  expect(stage.output.byteLength).toBeGreaterThan(205_000);
});

test("ending turns, exits and crashes happen once, and the script goes on after them", async () => {
  await using stage = await play([
    { say: "1" },
    { endTurn: true },
    { say: "2" },
    { crash: "SIGKILL" },
    { say: "3" },
    { exit: 3 },
    { say: "4" },
    { hang: true },
  ]);
  stage.send("m2", "go on");
  expect(await stage.end()).toEqual({ code: null, signal: "SIGKILL" });
  stage.start();
  expect(await stage.end()).toEqual({ code: 3, signal: null });
  stage.start();
  await waitFor("4", () => stage.said.length === 4);
  expect(stage.said).toEqual(["1", "2", "3", "4"]);
  stage.kill();
  expect(await stage.end()).toMatchObject({ signal: "SIGKILL" });
});

test("killed anywhere, again and again: every file and commit as if nothing had happened", async () => {
  await using stage = new Stage();
  const round = [
    { append: { path: "log.txt", content: "line\n" } },
    { replace: { path: "a.txt", find: "two", with: "2 two" } },
    { write: { path: "w.txt", content: "w" } },
    { commit: "round" },
    { delete: "w.txt" },
  ];
  stage.start();
  stage.send("m1", block([{ repeat: 4, steps: round }, { say: "finished" }]));
  await waitFor("the message to be taken", () => stage.text.includes('"taken"'));
  // Each life is a little longer than the one before, so it ends, and is killed at many places until then.
  let kills = 0;
  for (let turn = 0; turn < 60 && !stage.said.includes("finished"); turn += 1) {
    const seen = stage.output.byteLength;
    await waitFor("a sign of life", () => stage.output.byteLength > seen);
    const until = performance.now() + turn * 3;
    await waitFor("its time", () => performance.now() > until || stage.said.includes("finished"));
    if (stage.said.includes("finished")) break;
    stage.kill();
    kills += 1;
    await stage.end();
    stage.start();
  }
  expect(kills).toBeGreaterThan(3);
  expect(stage.said).toContain("finished");
  expect(stage.file("log.txt")).toBe("line\n".repeat(4));
  expect(stage.file("a.txt")).toBe(`one\n${"2 ".repeat(4)}two\n`);
  expect(stage.git("log", "--format=%s").split("\n")).toEqual([
    ...Array.from({ length: 4 }, () => "round"),
    "start",
  ]);
  expect(existsSync(join(stage.workspace, "w.txt"))).toBe(false);
});

const mistakes: readonly [steps: unknown, reason: string][] = [
  [[{ dance: 1 }], "script step 1: unknown step (dance); known steps: say, run, write,"],
  [[{ say: "a" }, { run: "x", expect: "zero" }], "script step 2 (run): key expect: "],
  [[{ write: { path: "x" } }], "script step 1 (write): key write.content: "],
  [[{ say: "a", loud: true }], "script step 1 (say): unknown key loud"],
  [[{ repeat: 2, steps: [{ say: 1 }] }], "script step 1 (repeat) steps step 1 (say): key say: "],
  [["say hi"], 'script step 1: not an object such as {"say": "…"}'],
  [[{ expect: "x" }], 'script step 1 (expect): needs "equals" or "contains"'],
  [{ manager: [], workers: { bob: [{ jump: 1 }] } }, "workers.bob step 1: unknown step (jump)"],
  [{ manager: [], helpers: {} }, "unknown key helpers; known keys: manager, workers"],
  [{ steps: [] }, "the script is neither a list of steps nor"],
  [
    [{ say: "a" }, { run: "echo why; exit 2" }],
    "step 2: `echo why; exit 2` ended with 2, not 0: why",
  ],
  [
    [{ replace: { path: "a.txt", find: "o", with: "0" } }],
    'step 1: "o" stands 2 times in a.txt, not once',
  ],
  [[{ replace: { path: "b.txt", find: "o", with: "0" } }], "step 1: there is no file b.txt"],
  [[{ write: { path: "../x", content: "" } }], "step 1: ../x is not in the workspace"],
  [[{ write: { path: "/etc/x", content: "" } }], "step 1: /etc/x is not in the workspace"],
  [[{ commit: "nothing" }], "step 1: git commit failed: "],
  [
    [
      { run: "echo 1", save: "n" },
      { expect: "${n}", equals: 2 },
    ],
    "step 2: ${n} is 1, not 2",
  ],
  [
    [{ run: "echo 1", save: "n" }, { say: "${n.x}" }],
    "step 2: ${n.x}: there is no x; saved so far: n",
  ],
  [
    [{ tool: "spawn_session", args: { worker: "bob" } }],
    'step 1: there is no worker bob in "workers"; there are: none',
  ],
];

test.for(mistakes)("a mistake is named: %j", async ([steps, reason]) => {
  await using stage = await play(steps);
  const end = JSON.parse(await stage.turnEnd()) as unknown;
  expect(end).toEqual({
    type: "turn-end",
    failure: { reason: expect.stringContaining(reason), retry: false },
  });
});

test("a brief without a script, or with one that is not JSON, says so", async () => {
  for (const [text, reason] of [
    ["Do something.", "the brief has no fenced block `orcha-steps`"],
    ["```orcha-steps\n[{]\n```", "the script is not JSON: "],
    ["```text\n```orcha-steps\n```\nnothing", "the brief has no fenced block `orcha-steps`"],
  ] as const) {
    await using stage = new Stage();
    stage.start();
    stage.send("m1", text);
    expect(await stage.turnEnd()).toContain(reason);
  }
});

test("what is no message is named on stderr and ignored", async () => {
  await using stage = new Stage();
  stage.start();
  stage.send("m1", block([{ wait: "x" }]));
  await stage.turnEnd();
  expect(await stage.end()).toEqual({ code: 0, signal: null });
});

test("every step is documented", async () => {
  await using stage = await play([{ unknown: 1 }]);
  const known = /known steps: (?<list>[^"]*)/u.exec(await stage.turnEnd())?.groups?.["list"] ?? "";
  const page = readFileSync("docs/script-agent.md", "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("| `{"));
  const documented = rows.map((row) => /"(?<verb>\w+)"/u.exec(row)?.groups?.["verb"]);
  expect(new Set(known.split(", "))).toEqual(new Set(documented));
});
