/** The commands about one session, where they are refused, and a window onto one in tmux. */
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { openClone } from "../../src/cli/clone.ts";
import { openControlServer } from "../../src/cli/control-server.ts";
import { shellArguments } from "../../src/fleet/shell.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { Play } from "../domain/play.ts";
import { events } from "../store/examples.ts";
import { repository } from "../domain/cast.ts";
import { deskWithoutMachines, handsWithoutMachines } from "./desk.ts";
import { called, dataDir, orcha, runtimeDir } from "./run.ts";

/** A server that talks to no machine, with one objective whose manager waits for a slot, or runs where nobody gets to. */
async function open(change: (play: Play) => Play = (play) => play) {
  const stack = new AsyncDisposableStack();
  const directory = stack.use(mkdtempDisposableSync(join(tmpdir(), "orcha-"))).path;
  for (const path of [runtimeDir(directory), dataDir(directory)]) mkdirSync(path);
  const store = stack.use(await openSqlite(join(dataDir(directory), "orcha.db"), { now: () => 1 }));
  const objective = change(new Play().label()).it;
  const subject = { kind: "issue", number: 12 } as const;
  await store.enqueue([{ key: "k", repository, subject, event: events["issue-changed"] }], 1);
  const [item] = await store.takeInbox({ now: 1, limit: 1, busy: new Set() });
  if (item === undefined) throw new Error("nothing came in");
  const nothing = { effects: [], timers: [], notes: [], facts: {} };
  await store.commit({ item, now: 1, before: null, objective, ...nothing });
  stack.use(
    await openControlServer({
      runtimeDir: runtimeDir(directory),
      store,
      now: () => 2,
      ready: () => ({ ready: true, checks: [] }),
      desk: deskWithoutMachines(store),
      hands: handsWithoutMachines(store),
    }),
  );
  const run = (...args: readonly string[]) => called(args, directory);
  const [{ id }] = objective.sessions;
  return { id, store, directory, run, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const commands = [["attach"], ["attach", "--shell"], ["takeover"], ["resume"]] as const;

test("without a server, and for a session that is not there, each command says what to do", async () => {
  using nowhere = mkdtempDisposableSync(join(tmpdir(), "orcha-"));
  await using it = await open();
  for (const [command, ...more] of commands) {
    const without = await called([command, "ses_0", ...more], nowhere.path);
    expect(without).toMatchObject({ code: 3 });
    expect(without.stderr).toContain("start it with: orcha serve");
    const unknown = await it.run(command, "ses_0", ...more);
    expect(unknown).toMatchObject({ code: 4 });
    expect(unknown.stderr).toContain("there is no session ses_0; orcha sessions lists them");
  }
});

test("what is asked for is stored once, and what cannot be is refused in words", async () => {
  await using it = await open();
  expect((await it.run("resume", it.id)).stderr).toContain(`nobody has taken over ${it.id}`);
  expect((await it.run("attach", it.id, "--shell")).stderr).toContain(
    "has no checkout yet: it is queued",
  );
  expect((await it.run("pull", it.id, it.directory)).stderr).toContain("is no clone");
  const socket = ["--silent", "--unix-socket", join(runtimeDir(it.directory), "control.sock")];
  const post = async (what: string, body: object): Promise<string> =>
    (await promisify(execFile)("curl", [...socket, `http://orcha/sessions/${it.id}/${what}`, "-d", JSON.stringify(body)])).stdout; // prettier-ignore
  const line = { id: "a-1", by: "ada", text: "hello" };
  expect(await post("say", line)).toBe('{"stored":true}');
  expect(await post("say", line)).toBe('{"stored":true}');
  expect(await post("takeover", { id: "b-1", by: "ada" })).toContain("takingOver");
  expect(await post("say", { ...line, by: "\u001b[1m" })).toContain("error");
  expect(await post("say", { ...line, id: "../x" })).toContain("error");
  expect(await post("dance", line)).toContain("nothing at POST");
  const taken = await it.store.takeInbox({ now: 9, limit: 9, busy: new Set() });
  expect(taken).toMatchObject([{ key: `said:${it.id}:a-1`, event: { by: "ada", text: "hello" } }]);
  expect(await it.store.counts()).toMatchObject({ "inbox.pending": 2 });
});

test("a runner that is away is named, and its session is not given back blindly", async () => {
  await using it = await open((play) => play.start().takeOver("manager", { now: true }).exited());
  for (const [command, ...more] of [["resume"], ["attach", "--shell"]] as const) {
    const refused = await it.run(command, it.id, ...more);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain("runner box is nobody talks to it; try again when it is back");
  }
  expect((await it.run("takeover", it.id)).stdout).toContain("runner:    box");
});

test("a path that a shell could take for more than a path is not given to one", () => {
  const address = { user: "u", host: "h.example", port: 22, identity: null, jump: null };
  const hostKey = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from("ssh-ed25519"), Buffer.alloc(36)]).toString("base64")}`; // prettier-ignore
  const door = { address, hostKey, agentSocket: null };
  const given = (path: string) => shellArguments(door, { path, terminal: true, knownHosts: "/k" });
  const args = given("/home/u/w/acme__shop/ses_1/1");
  expect(args[0]).toBe("-t");
  expect(args).toContain("StrictHostKeyChecking=yes");
  expect(args.at(-1)).toBe(
    `sh -c 'cd "$1" && exec "\${SHELL:-sh}"' orcha /home/u/w/acme__shop/ses_1/1`,
  );
  for (const path of ["/a b", "/a;id", "/a'", "/$(id)", "relative", "-x", "/a/../b", "/a\nid", "/a//b", ""])
    expect(() => given(path), path).toThrow("not given to a shell"); // prettier-ignore
  expect(() => shellArguments({ ...door, hostKey: null }, { path: "/a", terminal: false, knownHosts: "/k" })).toThrow("no host key is pinned"); // prettier-ignore
});

test("tmux shows it and may be killed; without tmux that is said", async () => {
  await using it = await open();
  const socket = `orcha-test-${process.pid}`;
  const env = { ORCHA_TMUX_SOCKET: socket };
  const options = { directory: it.directory };
  const empty = join(it.directory, "bin");
  mkdirSync(empty);
  const none = await orcha(["attach", it.id, "--tmux"], { ...options, env: { PATH: empty } });
  expect(none).toMatchObject({ code: 1 });
  expect(none.stderr).toContain("there is no tmux on this machine");
  const tmux = (...args: readonly string[]): string =>
    execFileSync("tmux", ["-L", socket, ...args], { encoding: "utf8" });
  try {
    const made = await orcha(["attach", it.id, "--tmux"], { ...options, env });
    expect(made, made.stderr).toMatchObject({ code: 0 });
    expect(made.stdout).toBe(`tmux -L ${socket} attach -t orcha-${it.id}\n`);
    const shown = (): string => tmux("capture-pane", "-p", "-t", `orcha-${it.id}`);
    for (let tries = 0; !shown().includes("queued") && tries < 200; tries += 1) await delay(50);
    expect(shown()).toContain("── queued, waits for a free slot");
    tmux("send-keys", "-t", `orcha-${it.id}`, "hello from tmux", "Enter");
    const stored = async () => (await it.store.counts())["inbox.pending"] ?? 0;
    for (let tries = 0; (await stored()) === 0 && tries < 200; tries += 1) await delay(50);
    expect(await stored()).toBe(1);
  } finally {
    tmux("kill-server");
  }
  expect((await it.run("sessions")).stdout).toContain("queued");
});

test("a clone of something else, and a branch that is taken, are left as they are", async () => {
  await using it = await open();
  const clone = join(it.directory, "clone");
  mkdirSync(clone);
  execFileSync("git", ["init", "--quiet", clone]);
  writeFileSync(join(clone, "a"), "");
  expect((await it.run("pull", it.id, clone, "--branch", "-x")).code).not.toBe(0);
  expect((await it.run("pull", it.id, clone, "--branch", "a..b")).stderr).toContain(
    "can be no branch",
  );
  expect((await it.run("pull", it.id, clone)).stderr).toContain("has no checkout yet");
});

const git = (cwd: string, input: string, ...args: string[]): Buffer =>
  execFileSync("git", ["-C", cwd, "-c", "user.name=e", "-c", "user.email=e@e", ...args], {
    input,
  });

test("an object that no git should take is refused before it is stored", async () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), "orcha-"));
  const [evil, mine] = [join(directory.path, "evil"), join(directory.path, "mine")];
  for (const path of [evil, mine]) execFileSync("git", ["init", "--quiet", path]);
  const made = (input: string, ...args: string[]): string =>
    git(evil, input, ...args)
      .toString()
      .trim();
  const blob = made("x", "hash-object", "-w", "--stdin");
  const tree = made(`100644 blob ${blob}\t.git\n`, "mktree");
  const commit = made("", "commit-tree", tree, "-m", "m");
  const pack = git(evil, `${commit}\n${tree}\n${blob}\n`, "pack-objects", "--stdout", "--quiet");
  const clone = await openClone(mine);
  await expect(clone.store(pack)).rejects.toThrow("git refused what the session has made");
  expect(await clone.has(commit)).toBe(false);
});
