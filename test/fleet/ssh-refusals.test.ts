/** What goes wrong on the way to a machine: each says what, and what to do. Against a real sshd. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, onTestFinished, test } from "vitest";
import { defaultRuntimeDir } from "../../runners/program/runtime-dir.ts";
import { HostKeyChanged, SshError } from "../../src/fleet/ssh/errors.ts";
import { parseHostKey } from "../../src/fleet/ssh/host-key.ts";
import { REMOTE_COMMAND } from "../../src/fleet/ssh/scripts.ts";
import { openSsh, readHostKey, type SshOptions } from "../../src/fleet/ssh/ssh.ts";
import { clock, program, waitFor } from "../runners/world.ts";
import { given, problem } from "../ssh/given.ts";
import { keygen, type Sshd } from "../ssh/sshd.ts";

/** The error of a first connection. */
async function failure(server: Sshd, more: Partial<SshOptions> = {}): Promise<SshError> {
  const transport = openSsh(server.options((await program()).directory, more));
  const error: unknown = await transport.connect().catch((caught: unknown) => caught);
  await transport.close();
  if (!(error instanceof SshError)) throw new Error(`no SshError: ${String(error)}`);
  return error;
}

/** What sshd writes as soon as anybody tries to log in. */
const LOGIN = /Accepted|Failed|Postponed|Invalid user|authenticating user/u;

test("the command is one line that every login shell takes alike, and has no data in it", () => {
  const inside = /^sh -c '(?<text>.*)'$/u.exec(REMOTE_COMMAND)?.groups?.["text"];
  expect(inside).toBeDefined();
  expect(inside).not.toMatch(/['!\\\n]/u);
});

describe.runIf(problem === undefined)("host keys", () => {
  test("a changed key is refused before anybody logs in", async () => {
    const server = await given();
    const { hostKey } = server;
    const pinned = parseHostKey(hostKey);
    await server.kill();
    server.newHostKey();
    await server.start();
    const shown: string[] = [];
    const onHostKey: SshOptions["onHostKey"] = (seen) => void shown.push(seen.text);
    const error = await failure(server, { hostKey, onHostKey });
    expect(error).toBeInstanceOf(HostKeyChanged);
    const seen = parseHostKey(server.hostKey);
    expect(error).toMatchObject({ kind: "host-key", pinned, seen });
    expect(error.message).toContain(pinned.fingerprint);
    expect(error.message).toContain(seen.fingerprint);
    expect(shown).toEqual([seen.text]);
    await waitFor("the end of the connection in sshd's log", () =>
      /closed|reset|disconnect/iu.test(server.said),
    );
    expect(server.said).not.toMatch(LOGIN);
  });

  test("a key of another type has changed, too", async () => {
    const server = await given();
    const { hostKey } = server;
    await server.kill();
    server.newHostKey("ecdsa");
    await server.start();
    const error = await failure(server, { hostKey });
    expect(error).toMatchObject({ name: "HostKeyChanged", seen: null });
    expect(error.message).toContain("seen no key of type ssh-ed25519");
    expect(server.said).not.toMatch(LOGIN);
  });

  test("without a pinned key nothing is dialled; reading it logs in nowhere", async () => {
    const server = await given();
    expect(await failure(server, { hostKey: null })).toMatchObject({ kind: "host-key" });
    expect(server.said).not.toContain("Connection from");
    const seen = await readHostKey({ address: server.address, clock });
    expect(server.hostKey).toContain(seen.text);
    await waitFor("the end of the connection in sshd's log", () =>
      /closed|reset|disconnect/iu.test(server.said),
    );
    expect(server.said).not.toMatch(LOGIN);
    expect(() => parseHostKey("ssh-ed25519 AAAA")).toThrow("is no host key");
  });
});

describe.runIf(problem === undefined)("logging in", () => {
  test("users and keys that are refused, or not there, or not to be used", async () => {
    const server = await given();
    const { address, root } = server;
    const path = (name: string): string => join(root, name);
    keygen(path("stranger"));
    keygen(path("locked"), "ed25519", "a passphrase");
    keygen(path("open"));
    chmodSync(path("open"), 0o644);
    writeFileSync(path("rubbish"), "this is no key", { mode: 0o600 });
    const withKey = (name: string): Promise<SshError> =>
      failure(server, { address: { ...address, identity: path(name) } });
    const cases: readonly (readonly [Promise<SshError>, RegExp])[] = [
      [
        failure(server, { address: { ...address, user: "nobody-here" } }),
        /nobody-here@127\.0\.0\.1:\d+ refused the key in .*\/id: is the user right/u,
      ],
      [withKey("stranger"), /refused the key in .*\/stranger: .*authorized_keys/u],
      [withKey("missing"), /missing does not exist/u],
      [withKey("locked"), /locked has a passphrase: ssh-add it to an ssh agent/u],
      [withKey("open"), /open is open to others: chmod 600/u],
      [withKey("rubbish"), /rubbish cannot be used/u],
      [failure(server, { address: { ...address, identity: null } }), /SSH_AUTH_SOCK is not set/u],
      [
        failure(server, { address: { ...address, identity: null }, agentSocket: path("no-agent") }),
        /refused any key of the ssh agent/u,
      ],
    ];
    for (const [error, wanted] of cases) {
      expect(await error).toMatchObject({ kind: "auth" });
      expect((await error).message).toMatch(wanted);
    }
  });

  test("nobody there, an unknown name, one that says nothing, one that closes", async () => {
    const server = await given();
    await server.kill();
    const { address } = server;
    const mute = await listenOn(() => {});
    const closing = await listenOn((socket) => socket.destroy());
    // The time limit of the handshake, and of nothing else, comes at once.
    const hasty: SshOptions["clock"] = {
      after: (delayMs, callback) => clock.after(delayMs === 20_000 ? 100 : delayMs, callback),
    };
    const cases: readonly (readonly [Partial<SshOptions>, RegExp])[] = [
      [{}, /nothing listens there: is sshd running/u],
      [{ address: { ...address, host: "no-such-host.invalid" } }, /the name is not known/u],
      [{ address: { ...address, port: mute }, clock: hasty }, /did not let us in within 20 s/u],
      [{ address: { ...address, port: closing } }, /logging in .* failed|closed the connection/u],
    ];
    for (const [more, wanted] of cases) {
      const error = await failure(server, more);
      expect(error).toMatchObject({ kind: "unreachable" });
      expect(error.message).toMatch(wanted);
    }
  });
});

async function listenOn(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer(serve);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** A machine on which Node is nowhere: our command runs with a PATH of its own and other absolute paths. */
function nodeless(directory: string): string {
  return [
    'c=$(printf %s "$SSH_ORIGINAL_COMMAND" | sed s,/usr/local/bin/node,/no/node,g | sed s,/usr/bin/node,/no/node,g)',
    `HOME=${directory} PATH=${directory} exec /bin/sh -c "$c"`,
  ].join("\n");
}

describe.runIf(problem === undefined)("machines that cannot run us", () => {
  test("no Node; only an old one", async () => {
    const directory = mkdtempSync(join(tmpdir(), "orcha-nodeless-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    symlinkSync("/bin/sh", join(directory, "sh"));
    const server = await given({ instead: nodeless(directory) });
    const error = await failure(server);
    expect(error).toMatchObject({ kind: "remote" });
    expect(error.message).toMatch(/^no Node 20 or newer was found on .*: install it there/u);
    // As one of version 18 answers our first line.
    const old = join(directory, ".nvm", "versions", "node", "v18.0.0", "bin");
    mkdirSync(old, { recursive: true });
    writeFileSync(join(old, "node"), "#!/bin/sh\nexit 86\n", { mode: 0o755 });
    expect((await failure(server)).message).toContain("too old: ");
    // The newest of nvm is taken, wherever it is.
    const newer = join(directory, ".nvm", "versions", "node", "v22.1.0", "bin");
    mkdirSync(newer, { recursive: true });
    symlinkSync(process.execPath, join(newer, "node"));
    const transport = openSsh(server.options((await program()).directory));
    const { stdout } = await transport.execute(["node", "--version"]);
    expect(stdout.toString()).toBe(`${process.version}\n`);
    await transport.close();
  });

  test("no commands at all", async () => {
    const server = await given({ instead: "echo This account is not available.; exit 1" });
    expect((await failure(server)).message).toMatch(
      /does not run our command \(exit code 1; it said: This account is not available\.\)/u,
    );
  });

  test("a work root that cannot be written, a home that cannot", async () => {
    const server = await given();
    expect((await failure(server, { workRoot: "/proc/orcha/work" })).message).toMatch(
      /the work root \/proc\/orcha\/work cannot be used/u,
    );
    writeFileSync(join(server.home, "file"), "");
    expect((await failure(server, { workRoot: "~/file/work" })).message).toMatch(
      /the work root .*\/home\/file\/work cannot be used/u,
    );
    mkdirSync(join(server.home, ".local", "share"), { recursive: true });
    rmSync(join(server.home, ".local", "share", "orcha-runner"), { recursive: true });
    writeFileSync(join(server.home, ".local", "share", "orcha-runner"), "");
    expect((await failure(server)).message).toMatch(
      /the runner program cannot be put into .*\.local\/share\/orcha-runner\/program on .*: E/u,
    );
  });

  test("a disk that is full before the program is there", async ({ skip }) => {
    const server = await given();
    const share = join(server.home, ".local", "share");
    mkdirSync(share, { recursive: true });
    const size = ["-t", "tmpfs", "-o", "size=128k", "tmpfs", share];
    if (spawnSync("mount", size).status !== 0) skip("mounting a small file system needs root");
    try {
      expect((await failure(server)).message).toMatch(/the disk is full \(ENOSPC\); free some/u);
      expect(readdirSync(join(share, "orcha-runner", "program"))).toEqual([]);
    } finally {
      // Lazily: what ran there may be about to end.
      spawnSync("umount", ["-l", share]);
    }
  });

  test("a runtime directory that somebody else may have made", async () => {
    const server = await given();
    const path = defaultRuntimeDir(server.workRoot);
    symlinkSync(server.root, path);
    expect((await failure(server)).message).toContain(`${path} is not a directory`);
    rmSync(path);
    mkdirSync(path);
    chmodSync(path, 0o755);
    expect((await failure(server)).message).toContain(`${path} is open to others (mode 755)`);
  });
});
