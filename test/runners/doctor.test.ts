/**
 * Goal: the doctor tells the truth about a machine, in time, whatever is wrong with it.
 * Method: a machine of our own: a PATH that holds only what the test puts there, a home, an environment, a server
 * that refuses. Programs are real executables.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { type Asked, examine } from "../../runners/program/doctor.ts";
import type { Machine } from "../../runners/program/doctor/check.ts";
import { judgeSpace } from "../../runners/program/doctor/disk.ts";
import { proxyFor } from "../../runners/program/doctor/upstream.ts";
import { layoutOf } from "../../runners/program/layout.ts";
import { type DoctorCheck, Request } from "../../src/protocol/requests.ts";

/** A machine with nothing on it but sh, coreutils' `sleep`, and what the test adds. */
class Bare implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), "orcha-d-"));
  readonly workRoot = join(this.root, "w");
  readonly home = join(this.root, "home");
  readonly bin = join(this.root, "bin");
  env: Record<string, string> = { PATH: this.bin };

  constructor() {
    for (const path of [this.workRoot, this.home, this.bin]) mkdirSync(path);
  }
  /** A program that does this; `$1`… are its arguments. */
  program(name: string, body: string): void {
    writeFileSync(join(this.bin, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(this.bin, name), 0o755);
  }
  file(path: string, content: unknown): void {
    mkdirSync(dirname(join(this.home, path)), { recursive: true });
    const text = typeof content === "string" ? content : JSON.stringify(content);
    writeFileSync(join(this.home, path), text);
  }
  /** With a real program of this machine. */
  link(name: string): boolean {
    const path = process.env["PATH"] ?? "";
    for (const directory of path.split(delimiter)) {
      const there = spawnSync("test", ["-x", join(directory, name)]).status === 0;
      if (!there) continue;
      symlinkSync(join(directory, name), join(this.bin, name));
      return true;
    }
    return false;
  }
  async examine(asked: Asked = {}, more: Partial<Machine> = {}): Promise<DoctorCheck[]> {
    const runtimeDir = join(this.root, "r");
    return examine(layoutOf({ workRoot: this.workRoot, runtimeDir }), asked, {
      env: this.env,
      home: this.home,
      user: "ann",
      systemdMark: join(this.root, "no-systemd"),
      ...more,
    });
  }
  async one(name: string, asked?: Asked, more?: Partial<Machine>): Promise<DoctorCheck> {
    const found = (await this.examine(asked, more)).find((check) => check.name === name);
    if (found === undefined) throw new Error(`no check ${name}`);
    return found;
  }
  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

test("a bare machine: everything that is missing is named, in a fixed order, each with what to do", async () => {
  using bare = new Bare();
  const checks = await bare.examine({ now: Date.now(), upstream: "http://127.0.0.1:1/o/r.git" });
  expect(checks.map(({ name, ok, required }) => [name, ok, required])).toEqual([
    ["git", false, true],
    ["node", true, true],
    ["sh", false, true],
    ["setsid", false, true],
    ["flock", false, true],
    ["tail", false, true],
    ["mkfifo", false, true],
    ["proc", true, true],
    ["work root", true, true],
    ["disk", true, false],
    ["clock", true, true],
    ["linger", true, false],
    ["upstream", false, true],
    ["isolation bwrap", false, false],
    ["isolation container", false, false],
    ["tmux", false, false],
    ["agent claude", false, false],
    ["agent codex", false, false],
    ["agent gemini", false, false],
    ["agent opencode", false, false],
  ]);
  for (const { ok, fix } of checks) expect(fix === "").toBe(ok);
  for (const { found } of checks) expect(found).not.toBe("");
});

test("programs that hang cost their own checks, and the whole not much more than one limit", async () => {
  using bare = new Bare();
  for (const name of ["git", "claude", "codex", "tmux", "bwrap", "docker"])
    bare.program(name, "exec /bin/sleep 600");
  const began = performance.now();
  const checks = await bare.examine({}, { limitMs: 1000 });
  expect(performance.now() - began).toBeLessThan(4000);
  const found = Object.fromEntries(checks.map((check) => [check.name, check.found]));
  expect(found["git"]).toMatch(/^no answer in/u);
  expect(found["agent claude"]).toContain("no answer in");
  expect(found["isolation container"]).toContain("no answer in");
  expect(found["node"]).toBe(process.versions.node);
});

test("git: too old, and broken", async () => {
  using bare = new Bare();
  bare.program("git", "echo git version 2.20.1");
  expect(await bare.one("git")).toMatchObject({ ok: false, found: "2.20.1" });
  bare.program("git", "echo libz.so.1: cannot open >&2; exit 127");
  expect(await bare.one("git")).toMatchObject({
    ok: false,
    found: "ended with code 127: libz.so.1: cannot open",
    fix: "install git 2.30 or newer in the PATH of the runner's user",
  });
});

test("a work root that cannot be written is tried, not believed", async ({ skip }) => {
  using bare = new Bare();
  const asRoot = process.getuid?.() === 0;
  if (!asRoot) chmodSync(bare.workRoot, 0o500);
  else if (
    spawnSync("mount", ["-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", bare.workRoot]).status !== 0
  )
    skip("root writes everywhere, and mounting a read-only file system is not allowed here");
  try {
    const check = await bare.one("work root");
    expect(check).toMatchObject({ ok: false, required: true, found: bare.workRoot });
    expect(check.fix).toMatch(/cannot write .*(?:EROFS|EACCES).*make it writable/u);
  } finally {
    if (asRoot) spawnSync("umount", ["-l", bare.workRoot]);
    else chmodSync(bare.workRoot, 0o700);
  }
});

test("space: bytes and inodes; some file systems count no inodes", () => {
  const space = { bavail: 3 * 1024, bsize: 1024 ** 2, files: 1e6, ffree: 5e5 };
  expect(judgeSpace(space, "/w")).toEqual({
    ok: true,
    found: "3.0 GiB, 500000 inodes free",
    fix: "",
  });
  expect(judgeSpace({ ...space, bavail: 100 }, "/w")).toMatchObject({
    ok: false,
    fix: "free some space at /w: less than 1 GiB is left",
  });
  expect(judgeSpace({ ...space, ffree: 9 }, "/w")).toMatchObject({ ok: false });
  expect(judgeSpace({ ...space, files: 0, ffree: 0 }, "/w")).toMatchObject({ ok: true });
});

test.for([
  [20_000, true, true, "20.0 s apart from the control plane"],
  [-40_000, false, false, "40.0 s behind the control plane"],
  [400_000, false, true, "400.0 s ahead of the control plane"],
] as const)("clock: %i ms apart", async ([ms, ok, required, found]) => {
  using bare = new Bare();
  const now = 1_700_000_000_000;
  const check = await bare.one("clock", { now }, { now: now + ms });
  expect(check).toMatchObject({ ok, required, found });
  expect(check.fix).toContain(ok ? "" : "timedatectl");
});

const logins: readonly [agent: string, file: string, content: unknown, key: string][] = [
  [
    "claude",
    ".claude/.credentials.json",
    { claudeAiOauth: { accessToken: "secret-1" } },
    "ANTHROPIC_API_KEY",
  ],
  ["codex", ".codex/auth.json", { tokens: { refresh_token: "secret-1" } }, "OPENAI_API_KEY"],
  ["gemini", ".gemini/oauth_creds.json", { refresh_token: "secret-1" }, "GEMINI_API_KEY"],
  [
    "opencode",
    ".local/share/opencode/auth.json",
    { anthropic: { type: "api", key: "secret-1" } },
    "OPENAI_API_KEY",
  ],
];

test.for(logins)(
  "%s: version, and logged in or not, by file and by key",
  async ([agent, file, content, key]) => {
    using bare = new Bare();
    bare.program(agent, `echo "v1.2.3-beta ($HOME)"`);
    const name = `agent ${agent}`;
    const out = await bare.one(name);
    expect(out).toMatchObject({ ok: false, required: false, found: "1.2.3-beta, not logged in" });
    expect(out.fix).toContain("as ann on the runner: ");
    bare.file(file, "{ half");
    expect(await bare.one(name)).toMatchObject({ ok: false });
    bare.file(file, content);
    const found = `1.2.3-beta, logged in (~/${file})`;
    expect(await bare.one(name)).toMatchObject({ ok: true, found, fix: "" });
    rmSync(join(bare.home, file));
    bare.env = { ...bare.env, [key]: "secret-2" };
    expect(await bare.one(name)).toMatchObject({
      ok: true,
      found: `1.2.3-beta, logged in (${key})`,
    });
    expect(JSON.stringify(await bare.examine())).not.toContain("secret");
  },
);

test("an agent of the operator's own name, with a key that only its sessions get, and nothing else", async () => {
  using bare = new Bare();
  bare.program("claude", 'echo "2.1.0"');
  const fast = { name: "fast", command: "claude", kind: "claude" };
  const asked = { only: "agents" as const, agents: [fast] };
  const [without, ...rest] = await bare.examine(asked);
  expect([without?.found, rest]).toEqual(["2.1.0, not logged in", []]);
  const given = { ...asked, agents: [{ ...fast, given: ["ANTHROPIC_API_KEY"] }] };
  expect(await bare.examine(given)).toMatchObject([{ ok: true, name: "agent fast" }]);
});

test("other agents, by path; one that is broken; one that says odd things", async () => {
  using bare = new Bare();
  bare.program("mine", 'echo ""; printf "\\033[31mmine\\007 the agent\\n"');
  bare.program("broken", "exit 3");
  const agents = [
    { name: "mine", command: join(bare.bin, "mine") },
    { name: "constructor", command: "broken" },
    { name: "away", command: "../bin/mine" },
  ];
  const checks = (await bare.examine({ agents })).filter(({ name }) => name.startsWith("agent "));
  expect(checks.map(({ name, ok, found }) => [name, ok, found])).toEqual([
    ["agent mine", true, "[31mmine the agent, login not known"],
    [
      "agent constructor",
      false,
      `${join(bare.bin, "broken")} does not say its version: ended with code 3`,
    ],
    ["agent away", false, "not found"],
  ]);
});

test("isolation is tried: a bwrap that is forbidden, a docker without an engine, a podman that works", async () => {
  using bare = new Bare();
  bare.program(
    "bwrap",
    'test "$1" = --version && echo bubblewrap 0.8.0 && exit; echo "No permissions to create new namespace" >&2; exit 1',
  );
  bare.program("docker", 'echo "Cannot connect to the Docker daemon" >&2; exit 1');
  expect(await bare.one("isolation bwrap")).toMatchObject({
    ok: false,
    found: "0.8.0, does not work: ended with code 1: No permissions to create new namespace",
  });
  expect(await bare.one("isolation container")).toMatchObject({
    ok: false,
    found: "docker does not work: ended with code 1: Cannot connect to the Docker daemon",
  });
  bare.program("podman", 'test "$1" = unshare && echo 4.3.1');
  expect(await bare.one("isolation container")).toMatchObject({
    ok: true,
    found: "podman 4.3.1, answers",
  });
});

test("the real bwrap and tmux of this machine, if there are any", async ({ skip }) => {
  using bare = new Bare();
  bare.link("true");
  if (!bare.link("bwrap") || !bare.link("tmux")) skip("bwrap or tmux is not installed");
  const works = spawnSync("bwrap", ["--unshare-all", "--ro-bind", "/", "/", "true"]).status === 0;
  expect((await bare.one("isolation bwrap")).ok).toBe(works);
  expect(await bare.one("tmux")).toMatchObject({ ok: true, found: expect.stringMatching(/^\d/u) });
});

test("linger: needed where the system kills at logout, wished where it only removes sockets", async () => {
  using bare = new Bare();
  const systemdMark = bare.root;
  const logind = (linger: string, kills: string): void =>
    bare.program(
      "loginctl",
      `case "$*" in *Linger) ${linger} ;; *) printf 'KillUserProcesses=${kills}\\nKillExcludeUsers=root\\n' ;; esac`,
    );
  const look = (): Promise<DoctorCheck> => bare.one("linger", {}, { systemdMark });
  logind("echo Linger=yes", "yes");
  expect(await look()).toMatchObject({ ok: true, found: "on" });
  logind("echo 'Failed to get user: not logged in' >&2; exit 1", "yes");
  expect(await look()).toMatchObject({
    ok: false,
    required: true,
    fix: "run as root: loginctl enable-linger ann",
  });
  logind("echo Linger=no", "no");
  expect(await look()).toMatchObject({ ok: true });
  const there = await bare.one("linger", {}, { systemdMark, runtimeDir: "/run/user/7/orcha" });
  expect(there).toMatchObject({ ok: false, required: false });
  bare.program("loginctl", "echo 'Failed to connect to bus' >&2; exit 1");
  expect(await look()).toMatchObject({
    ok: false,
    required: false,
    found: "logind does not answer: ended with code 1: Failed to connect to bus",
  });
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("no port");
  return address.port;
}

test("upstream: answers, refuses, is silent, is ill, has no name", async () => {
  using bare = new Bare();
  let status = 404;
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(status).end();
  });
  const silent = createTcpServer(() => {});
  const [port, quiet] = [await listening(server), await listening(silent)];
  const look = (upstream: string): Promise<DoctorCheck> =>
    bare.one("upstream", { upstream }, { limitMs: 1200 });
  try {
    expect(await look(`http://joe:secret@127.0.0.1:${port}/o/r.git?token=secret`)).toMatchObject({
      ok: true,
      required: true,
      found: `http://127.0.0.1:${port}/o/r.git answers (404)`,
    });
    expect(seen).toEqual([undefined]);
    status = 503;
    expect(await look(`http://127.0.0.1:${port}/`)).toMatchObject({ ok: false });
    expect((await look(`http://127.0.0.1:${quiet}/`)).found).toContain("no answer in 0.9 s");
    const refused = await look("https://127.0.0.1:1/o/r");
    expect(refused.found).toContain("ECONNREFUSED");
    expect(refused.fix).toContain("let the runner reach 127.0.0.1:1");
    const plain = await look(`https://127.0.0.1:${port}/`);
    expect(plain.ok).toBe(false);
    expect(await look("ssh://git@example.invalid/x")).toMatchObject({ ok: false, found: "ssh:" });
    expect(await look("nonsense")).toMatchObject({ ok: false, found: "not a URL" });
  } finally {
    server.close();
    silent.close();
  }
});

test("upstream through a proxy: asked in full over http, by CONNECT over https", async () => {
  using bare = new Bare();
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? ""}`);
    response.writeHead(401).end();
  });
  proxy.on("connect", (request, socket) => {
    asked.push(`${request.method} ${request.url}`);
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  const port = await listening(proxy);
  try {
    bare.env["http_proxy"] = `http://u:p@127.0.0.1:${port}`;
    bare.env["https_proxy"] = `127.0.0.1:${port}`;
    const found = `http://h.invalid/x answers (401) through the proxy 127.0.0.1:${port}`;
    expect(await bare.one("upstream", { upstream: "http://h.invalid/x" })).toMatchObject({
      ok: true,
      found,
    });
    const https = await bare.one("upstream", { upstream: "https://h.invalid/x" });
    expect(https).toMatchObject({ ok: false });
    expect(https.found).toContain("the proxy answers 403");
    expect(asked).toEqual(["HEAD http://h.invalid/x Basic dTpw", "CONNECT h.invalid:443"]);
  } finally {
    proxy.close();
  }
});

test("which proxy: as git reads the environment", () => {
  const url = new URL("https://git.corp.example/x");
  const proxy = { https_proxy: "http://p:3128" };
  expect(proxyFor(url, proxy)?.host).toBe("p:3128");
  expect(proxyFor(new URL("http://git.corp.example"), { HTTP_PROXY: "http://p" })).toBeUndefined();
  for (const no_proxy of ["*", "corp.example", ".corp.example", "a, git.corp.example"])
    expect(proxyFor(url, { ...proxy, no_proxy })).toBeUndefined();
  expect(proxyFor(url, { ...proxy, NO_PROXY: "orp.example" })?.host).toBe("p:3128");
});

test("the request: older control planes ask with nothing, newer ones may say more than we know", () => {
  expect(Request.parse({ op: "doctor" })).toEqual({ op: "doctor" });
  expect(Request.parse({ op: "doctor", now: 5, later: true })).toEqual({ op: "doctor", now: 5 });
  const cases = [
    ["/opt/a b/agent", true],
    ["", false],
    ["-x", false],
    ["a\0b", false],
  ] as const;
  for (const [command, success] of cases)
    expect(Request.safeParse({ op: "doctor", agents: [{ name: "a", command }] }).success).toBe(
      success,
    );
});
