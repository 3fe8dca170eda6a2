/**
 * Goal: install.sh prepares a machine, a second time it changes nothing, and it leaves what is there.
 * Method: the real script with a directory before all paths, and programs of the test's own in place of those that
 * would change this machine (apt-get, useradd, …); the key it writes is tried with a real sshd where there is one.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Sshd, sshdProblem } from "../ssh/sshd.ts";
import { waitFor } from "./world.ts";

const script = fileURLToPath(new URL("../../runners/install.sh", import.meta.url));
const KEY = `ssh-ed25519 ${"A".repeat(68)} control@plane`;

/** A machine of paper: its files below `root`, its package manager a list of what was asked. */
class Paper implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), "orcha-i-"));
  readonly bin = join(this.root, "bin");
  readonly key = join(this.root, "key.pub");
  readonly home = "/home/orcha";

  constructor({ node = "v24.1.0" }: { readonly node?: string } = {}) {
    mkdirSync(this.bin);
    writeFileSync(this.key, `${KEY}\n`);
    writeFileSync(join(this.root, "passwd"), "");
    const real =
      "cat chmod cut dash find grep head ln mkdir mktemp mv rm sed sh sha256sum tail tar gzip touch tr uname wc";
    for (const name of real.split(" ")) {
      const path = execFileSync("sh", ["-c", 'command -v "$1"', "sh", name], { encoding: "utf8" });
      this.program(name, `exec ${path.trim()} "$@"`);
    }
    const asked = join(this.root, "asked");
    this.program(
      "apt-get",
      `echo "apt-get $*" >> ${asked}; for p; do :; done; touch ${this.bin}/$p; chmod +x ${this.bin}/$p
case $p in bubblewrap) mv ${this.bin}/$p ${this.bin}/bwrap;; openssh-server) mv ${this.bin}/$p ${this.bin}/sshd;; util-linux) mv ${this.bin}/$p ${this.bin}/flock;; esac`,
    );
    this.program("apt-cache", "echo '  Candidate: 18.20.4+dfsg-1'");
    this.program("id", "echo 0");
    this.program("chown", `echo "chown $1" >> ${asked}`);
    this.program(
      "useradd",
      `echo "useradd $*" >> ${asked}; echo orcha:x:1:1::${this.home}:/bin/bash >> ${this.root}/passwd`,
    );
    this.program("getent", `grep "^$2:" ${this.root}/passwd`);
    if (node !== "") this.program("node", `echo ${node}`);
  }
  program(name: string, body: string): void {
    writeFileSync(join(this.bin, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(this.bin, name), 0o755);
  }
  run(...args: string[]): {
    readonly status: number | null;
    readonly out: string;
    readonly err: string;
  } {
    const env = { PATH: this.bin, ORCHA_INSTALL_ROOT: this.root };
    const { status, stdout, stderr } = spawnSync("/bin/sh", [script, ...args], {
      env,
      encoding: "utf8",
      timeout: 30_000,
    });
    return { status, out: stdout, err: stderr };
  }
  get asked(): string {
    const path = join(this.root, "asked");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }
  at(path: string): string {
    return join(this.root, path);
  }
  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

const words = (out: string): Set<string> =>
  new Set(out.split("\n").map((line) => line.slice(0, 5)));

test("a dry run on this machine says what it would do, and needs no root", () => {
  const { status, stdout } = spawnSync("sh", [script, "--dry-run", "--no-sshd"], {
    encoding: "utf8",
  });
  expect([status, words(stdout).has("do   ")]).toEqual([0, false]);
  expect(stdout).toContain("orcha runner add NAME ssh://orcha@HOST");
});

test("a bare machine is prepared, and a second run changes nothing", () => {
  using paper = new Paper();
  const dry = paper.run("--key", paper.key, "--dry-run");
  expect([dry.status, dry.err, paper.asked]).toEqual([0, "", ""]);
  const first = paper.run("--key", paper.key);
  expect([first.status, first.err]).toEqual([0, ""]);
  for (const name of ["git", "tmux", "bubblewrap", "openssh-server", "util-linux"])
    expect(paper.asked).toContain(`apt-get install -q -y --no-install-recommends ${name}\n`);
  expect(paper.asked.match(/apt-get update/gu)).toHaveLength(1);
  expect(paper.asked).toContain("useradd --create-home --shell /bin/bash --password * orcha");
  const keys = paper.at("/home/orcha/.ssh/authorized_keys");
  expect(readFileSync(keys, "utf8")).toBe(
    `restrict,pty,port-forwarding,permitlisten="127.0.0.1:1" ${KEY}\n`,
  );
  const mode = (path: string): number => statSync(paper.at(path)).mode & 0o777;
  expect(mode("/home/orcha/.local/share/orcha-runner/work")).toBe(0o700);
  expect([mode("/home/orcha/.ssh"), mode("/home/orcha/.ssh/authorized_keys")]).toEqual([
    0o700, 0o600,
  ]);

  const asked = paper.asked;
  const second = paper.run("--key", paper.key);
  expect([second.status, words(second.out).has("do   "), paper.asked]).toEqual([0, false, asked]);
  expect(readFileSync(keys, "utf8").split("\n")).toHaveLength(2);
});

test("what is there stays: other keys, a last line without end, modes", () => {
  using paper = new Paper();
  const keys = paper.at("/home/orcha/.ssh/authorized_keys");
  mkdirSync(paper.at("/home/orcha/.ssh"), { recursive: true });
  writeFileSync(keys, "ssh-rsa BBBB someone");
  mkdirSync(paper.at("/data/w"), { recursive: true, mode: 0o755 });
  const { status } = paper.run("--key", paper.key, "--work-root", "/data/w");
  expect(status).toBe(0);
  const lines = readFileSync(keys, "utf8").split("\n");
  expect([lines[0], lines[1]?.endsWith(KEY), lines.length]).toEqual([
    "ssh-rsa BBBB someone",
    true,
    3,
  ]);
  expect(statSync(paper.at("/data/w")).mode & 0o777).toBe(0o755);
  expect(existsSync(paper.at("/home/orcha/.local"))).toBe(false);
});

test.for([
  [["--user", "-x"], "not a user name"],
  [["--user", "a;b"], "not a user name"],
  [["--work-root", "relative"], "must be an absolute path"],
  [["--work-root", "/a/../b"], "has characters"],
  [["--work-root", "/a b"], "has characters"],
  [["--nonsense"], "unknown option: --nonsense"],
  [["--key"], "--key needs a value"],
] as const)("refused before anything is done: %j", ([args, reason]) => {
  using paper = new Paper();
  const { status, err } = paper.run(...args);
  expect([status, paper.asked]).toEqual([1, ""]);
  expect(err).toContain(reason);
});

test("only one plain public key is taken", () => {
  using paper = new Paper();
  const bad = [
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    `command="id" ${KEY}`,
    `${KEY}\n${KEY}`,
    "ssh-ed25519 not/base64;$(id)",
  ];
  for (const text of bad) {
    writeFileSync(paper.key, `${text}\n`);
    expect(paper.run("--key", paper.key)).toMatchObject({ status: 1 });
  }
  expect(paper.asked).toBe("");
});

test("Node: too old and none in the distribution: the official tarball, by its checksum only", ({
  skip,
}) => {
  if (!["x64", "arm64"].includes(process.arch)) skip("Node publishes no tarball for this machine");
  using paper = new Paper({ node: "v18.1.0" });
  const curl = spawnSync("sh", ["-c", "command -v curl"], { encoding: "utf8" }).stdout.trim();
  if (curl === "") skip("curl is not installed");
  paper.program("curl", `exec ${curl} "$@"`);
  paper.program("update-ca-certificates", "");
  const name = `node-v24.9.0-linux-${process.arch}`;
  const line = paper.at("mirror/latest-v24.x");
  mkdirSync(join(line, name, "bin"), { recursive: true });
  writeFileSync(join(line, name, "bin", "node"), "#!/bin/sh\necho v24.9.0\n");
  chmodSync(join(line, name, "bin", "node"), 0o755);
  execFileSync("tar", ["-czf", `${name}.tar.gz`, name], { cwd: line });
  const sum = createHash("sha256")
    .update(readFileSync(join(line, `${name}.tar.gz`)))
    .digest("hex");
  const sums = (value: string): void =>
    writeFileSync(join(line, "SHASUMS256.txt"), `${value}  ${name}.tar.gz\n`);
  const args = ["--node-mirror", `file://${paper.at("mirror")}`];
  sums("0".repeat(64));
  const wrong = paper.run(...args);
  expect(wrong).toMatchObject({ status: 1, err: expect.stringContaining("nothing was installed") });
  expect(existsSync(paper.at("/opt/orcha-node"))).toBe(false);
  sums(sum);
  expect(paper.run(...args, "--node-sha256", "1".repeat(64)).status).toBe(1);
  const right = paper.run(...args);
  expect([right.status, right.err]).toEqual([0, ""]);
  expect(readlinkSync(paper.at("/usr/local/bin/node"))).toBe("/opt/orcha-node/bin/node");
  expect(existsSync(paper.at("/opt/orcha-node/bin/node"))).toBe(true);
  expect(paper.run(...args).out).toContain("ok    Node v24.9.0");
});

test("systemd: the user lingers, once", () => {
  using paper = new Paper();
  mkdirSync(paper.at("/run/systemd/system"), { recursive: true });
  const marks = paper.at("/var/lib/systemd/linger");
  mkdirSync(marks, { recursive: true });
  paper.program("loginctl", `test "$1" = enable-linger && touch ${marks}/$2`);
  expect(paper.run().out).toContain("do    let orcha linger");
  expect(paper.run().out).toContain("ok    orcha lingers");
});

test("the key's options: commands and sockets pass, ports to listen on do not", async ({
  skip,
}) => {
  const problem = sshdProblem();
  if (problem !== undefined || process.getuid?.() !== 0) skip(problem ?? "needs root");
  await using server = await Sshd.start();
  using paper = new Paper();
  expect(paper.run("--key", `${server.identity}.pub`).status).toBe(0);
  writeFileSync(server.authorizedKeys, readFileSync(paper.at("home/orcha/.ssh/authorized_keys")));
  const far = createServer((socket) => socket.end("far")).listen(paper.at("far.sock"));
  const options =
    "-F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes";
  const ssh = [...options.split(" "), "-i", server.identity, "-p", String(server.port)];
  const run = (...args: string[]) =>
    spawnSync("ssh", [...ssh, ...args], { encoding: "utf8", timeout: 10_000, stdio: "pipe" });
  try {
    expect(run("root@127.0.0.1", "echo done").stdout).toBe("done\n");
    const listening = run(
      "-N",
      "-o",
      "ExitOnForwardFailure=yes",
      "-R",
      "127.0.0.1:0:127.0.0.1:1",
      "root@127.0.0.1",
    );
    expect([listening.status, listening.signal]).toEqual([255, null]);
    const near = paper.at("near.sock");
    const link = spawn(
      "ssh",
      [...ssh, "-N", "-L", `${near}:${paper.at("far.sock")}`, "root@127.0.0.1"],
      { stdio: "ignore" },
    );
    try {
      await waitFor("the near end", () => existsSync(near));
      expect(await readAll(near)).toBe("far");
    } finally {
      link.kill();
    }
  } finally {
    far.close();
  }
});

/** The socket's file is there a moment before somebody listens. */
async function readAll(path: string): Promise<string> {
  for (let left = 200; ; left -= 1)
    try {
      return await readOnce(path);
    } catch (error) {
      const refused = error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
      if (!refused || left === 0) throw error;
      await delay(10);
    }
}

function readOnce(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = createConnection(path);
    socket.setEncoding("utf8");
    socket.on("data", (part: string) => {
      text += part;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
  });
}
