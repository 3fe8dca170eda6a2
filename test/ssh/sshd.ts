/**
 * A real sshd of our own on loopback, as the current user and for that user alone: its own keys, its own home
 * directory for whoever logs in, so that nothing of the machine's user is read or written. What it started is
 * killed at the end.
 */
import { execFileSync, spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { configOf, find, freePort, makeRoomForSshd } from "../../src/demo/sshd.ts";
import type { SshAddress } from "../../src/fleet/ssh/address.ts";
import type { SshOptions } from "../../src/fleet/ssh/ssh.ts";
import { defaultRuntimeDir } from "../../runners/program/runtime-dir.ts";
import { clock, waitFor } from "../runners/world.ts";

/** Why there can be no sshd here; undefined when there can. */
export function sshdProblem(): string | undefined {
  for (const name of ["sshd", "ssh-keygen"])
    if (find(name) === undefined)
      return `${name} is not installed (apt-get install openssh-server): tests over SSH are skipped`;
  makeRoomForSshd();
  return undefined;
}

export interface SshdOptions {
  /** Where its directory is made; default: the system's temporary one. */
  readonly below?: string;
  readonly streamLocal?: boolean;
  readonly tcpForwarding?: boolean;
  /** Lines of sh that run instead of every command, which is in $SSH_ORIGINAL_COMMAND. */
  readonly instead?: string;
  /** Another machine: the address it listens on, and what runs a command there. */
  readonly on?: { readonly host: string; readonly inside: readonly string[] };
  /** More lines of sshd_config. */
  readonly more?: readonly string[];
}

export class Sshd implements AsyncDisposable {
  readonly root: string;
  /** HOME of whoever logs in. */
  readonly home: string;
  readonly log: string;
  /** Runtime directories of runners that were reached through here; their daemons end with us. */
  readonly runtimeDirs: Set<string>;
  readonly port: number;
  readonly #options: SshdOptions;
  #pid: number | undefined;
  #exit: Promise<unknown> | undefined;

  private constructor(port: number, options: SshdOptions) {
    this.root = mkdtempSync(join(options.below ?? tmpdir(), "orcha-sshd-"));
    this.home = join(this.root, "home");
    this.log = join(this.root, "log");
    this.runtimeDirs = new Set([defaultRuntimeDir(this.workRoot)]);
    this.port = port;
    this.#options = options;
    mkdirSync(this.home);
    writeFileSync(this.log, "");
    keygen(this.identity);
    this.newHostKey();
    writeFileSync(this.authorizedKeys, this.publicKey);
  }

  static async start(options: SshdOptions = {}): Promise<Sshd> {
    const server = new Sshd(await freePort(), options);
    await server.start();
    return server;
  }

  /** Where a runner works to which nothing else was said. */
  get workRoot(): string {
    return join(this.home, ".local", "share", "orcha-runner", "work");
  }
  get identity(): string {
    return join(this.root, "id");
  }
  get publicKey(): string {
    return readFileSync(`${this.identity}.pub`, "utf8");
  }
  /** Who may log in. */
  get authorizedKeys(): string {
    return join(this.root, "authorized_keys");
  }
  get address(): SshAddress {
    const user = userInfo().username;
    const host = this.#options.on?.host ?? "127.0.0.1";
    return { user, host, port: this.port, identity: this.identity, jump: null };
  }
  get hostKey(): string {
    return readFileSync(join(this.root, "host.pub"), "utf8").trim();
  }
  get said(): string {
    return readFileSync(this.log, "utf8");
  }
  /** For `openSsh`, with the program that is to be put there. */
  options(programDir: string, more: Partial<SshOptions> = {}): SshOptions {
    const { address, hostKey } = this;
    return { name: "far", address, hostKey, workRoot: null, programDir, clock, ...more };
  }

  /** Seen after the next start. */
  newHostKey(type = "ed25519"): void {
    for (const end of ["", ".pub"]) rmSync(join(this.root, `host${end}`), { force: true });
    keygen(join(this.root, "host"), type);
  }

  async start(): Promise<void> {
    const config = join(this.root, "config");
    writeFileSync(config, this.#config());
    const before = this.said.length;
    const sshd = [find("sshd") ?? "sshd", "-D", "-f", config, "-E", this.log];
    const [program = "", ...args] = [...(this.#options.on?.inside ?? []), ...sshd];
    const child = spawn(program, args, { stdio: "ignore", detached: true });
    child.on("error", (error) => appendFileSync(this.log, String(error)));
    this.#pid = child.pid;
    this.#exit = new Promise((resolve) => void child.once("exit", resolve));
    await waitFor("sshd to listen", () => {
      if (child.exitCode !== null) throw new Error(`sshd ended: ${this.said.slice(before)}`);
      return this.said.slice(before).includes("Server listening");
    });
  }

  /** SIGKILL for the server and for every connection; what was started over them is left alone. */
  async kill(): Promise<void> {
    const all = this.#pid === undefined ? [] : [this.#pid, ...this.connections()];
    for (const pid of all) killNow(pid);
    this.#pid = undefined;
    // The kernel has closed what it had open then: nobody listens any more.
    await this.#exit;
  }

  /** Of the server's processes, those that serve a connection. */
  connections(): number[] {
    return this.#pid === undefined ? [] : childrenOf(this.#pid);
  }

  #config(): string {
    const { streamLocal = true, tcpForwarding = true, instead, more = [], on } = this.#options;
    const listen = on?.host ?? "127.0.0.1";
    const wrapper = join(this.root, "instead");
    if (instead !== undefined) writeFileSync(wrapper, `${instead}\n`);
    const { home, port, authorizedKeys: authorized } = this;
    return [
      ...more,
      ...(instead === undefined ? [] : [`ForceCommand sh ${wrapper}`]),
      "LogLevel VERBOSE",
      `AllowStreamLocalForwarding ${streamLocal ? "yes" : "no"}`,
      `AllowTcpForwarding ${tcpForwarding ? "yes" : "no"}`,
      configOf({ home, host: join(this.root, "host"), authorized, port, listen }),
    ].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    for (const path of this.runtimeDirs) killDaemon(path);
    for (const path of [this.root, ...this.runtimeDirs])
      rmSync(path, { recursive: true, force: true, maxRetries: 10 });
  }
}

export function keygen(path: string, type = "ed25519", passphrase = ""): void {
  const args = ["-q", "-t", type, "-N", passphrase, "-C", "test", "-f", path];
  execFileSync(find("ssh-keygen") ?? "ssh-keygen", args);
}

/** Signs a public key: who shows it is that user. */
export function certify(authority: string, publicKey: string, user: string): void {
  const args = ["-q", "-s", authority, "-I", "test", "-n", user, publicKey];
  execFileSync(find("ssh-keygen") ?? "ssh-keygen", args);
}

function childrenOf(parent: number): number[] {
  const direct = readdirSync("/proc")
    .filter((entry) => /^\d+$/u.test(entry))
    .map(Number)
    .filter((pid) => isSshd(pid) && parentOf(pid) === parent);
  return [...direct, ...direct.flatMap(childrenOf)];
}

function parentOf(pid: number): number {
  const stat = readProc(pid, "stat");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

function isSshd(pid: number): boolean {
  return /^(?:sshd:|\S*\/sshd)/u.test(readProc(pid, "cmdline"));
}

function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    // It ended while we looked.
    return "";
  }
}

function killDaemon(runtimeDir: string): void {
  const file = join(runtimeDir, "daemon.pid");
  const pid = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  if (pid > 1 && readProc(pid, "cmdline").includes("orcha-runner")) killNow(pid);
}

function killNow(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended with the one before.
  }
}
