/** An SSH server of our own on loopback, for one user and one key: the demo's other machine. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { userInfo } from "node:os";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

export interface Machine extends AsyncDisposable {
  /** `ssh://user@host:port` */
  readonly target: string;
  readonly identity: string;
  readonly fingerprint: string;
  readonly workRoot: string;
}

const START_MS_MAX = 10_000;
const run = promisify(execFile);

/** Everything of it is below the directory, the home of who logs in, too. Throws an Error that says what is missing. */
export async function openMachine(directory: string): Promise<Machine> {
  const [sshd, keygen] = ["sshd", "ssh-keygen"].map((name) => find(name));
  if (sshd === undefined || keygen === undefined)
    throw new Error("sshd is not installed (Debian: apt-get install openssh-server)");
  const home = join(directory, "home");
  mkdirSync(home, { recursive: true });
  makeRoomForSshd();
  const [host, identity] = [join(directory, "host"), join(directory, "id")];
  for (const path of [host, identity])
    await run(keygen, ["-q", "-t", "ed25519", "-N", "", "-f", path]);
  const { stdout } = await run(keygen, ["-lf", `${host}.pub`]);
  const authorized = join(directory, "authorized_keys");
  writeFileSync(authorized, readFileSync(`${identity}.pub`));
  const port = await freePort();
  const config = join(directory, "sshd_config");
  writeFileSync(config, configOf({ home, host, authorized, port }));
  const child = spawn(sshd, ["-D", "-e", "-f", config], { stdio: ["ignore", "ignore", "pipe"] });
  await listening(child);
  return {
    target: `ssh://${userInfo().username}@127.0.0.1:${port}`,
    identity,
    fingerprint: /SHA256:\S+/u.exec(stdout)?.[0] ?? "",
    workRoot: join(directory, "work"),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** Where a privileged sshd puts its unprivileged half. */
export function makeRoomForSshd(): void {
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
}

/** Where a program of the system is; sbin is not in everybody's PATH. */
export function find(name: string): string | undefined {
  return [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"]
    .map((directory) => join(directory, name))
    .find((file) => existsSync(file));
}

interface Settings {
  readonly home: string;
  readonly host: string;
  readonly authorized: string;
  readonly port: number;
  /** Address to listen on; default: loopback. */
  readonly listen?: string;
}

/** For the user who starts it, who logs in with `home` as home. */
export function configOf(settings: Settings): string {
  const { home, host, authorized, port, listen = "127.0.0.1" } = settings;
  const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
  return [
    `ListenAddress ${listen}`,
    `Port ${port}`,
    `HostKey ${host}`,
    `AuthorizedKeysFile ${authorized}`,
    "PidFile none",
    // The directory is below /tmp, which everybody may write to.
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    `SetEnv HOME=${home} PATH=${path}`,
    "",
  ].join("\n");
}

function listening(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const said: string[] = [];
  const timer = setTimeout(() => reject(new Error("sshd does not start")), START_MS_MAX);
  if (child.stderr === null) throw new TypeError("sshd's output is not piped");
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (said.length < 10) said.push(line);
    if (line.startsWith("Server listening")) resolve();
  });
  child.once("exit", () => reject(new Error(`sshd ended: ${said.join(" / ")}`)));
  return promise.finally(() => clearTimeout(timer));
}

/** Free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new TypeError("no port");
  return address.port;
}
