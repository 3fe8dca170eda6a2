/** The SSH transport through a life: sshd restarted, jump hosts, agents, upgrades, commands, noisy shells. */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, appendFileSync, existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, onTestFinished, test } from "vitest";
import { openSsh } from "../../src/fleet/ssh/ssh.ts";
import { openLink } from "../../src/fleet/link.ts";
import { clock, program, Sink, waitFor } from "../runners/world.ts";
import { openFarWorld } from "../ssh/far-world.ts";
import { given, open, problem } from "../ssh/given.ts";
import { counting, expectCounted } from "./counting.ts";

describe.runIf(problem === undefined)("connections", () => {
  test("sshd is killed and comes back: the session ran on, every byte arrives once", async () => {
    const server = await given();
    await using world = await openFarWorld(server);
    const session = world.session();
    const sink = await world.run(world.plain(session, counting));
    for (let round = 0; round < 3; round += 1) {
      const before = sink.position().out;
      await waitFor("output", () => sink.position().out > before);
      await server.kill();
      await waitFor("the loss to be noticed", () => world.link.state !== "connected");
      await server.start();
      await world.link.connected(AbortSignal.timeout(20_000));
    }
    expect(server.said.match(/Accepted publickey/gu)).toHaveLength(4);
    await world.ask({ op: "input", session, attempt: 1, input: { id: "end", line: "end" } });
    await expectCounted(sink);
  });

  test("many links share one connection, and its loss ends them all", async () => {
    const server = await given();
    const transport = await open(server);
    const streams = await Promise.all(Array.from({ length: 20 }, () => transport.connect()));
    expect(server.said.match(/Accepted publickey/gu)).toHaveLength(1);
    const closed = streams.map(
      (stream) => new Promise<void>((resolve) => void stream.once("close", resolve)),
    );
    await server.kill();
    await Promise.all(closed);
    await expect(transport.connect()).rejects.toMatchObject({ kind: "unreachable" });
    await server.start();
    (await transport.connect()).destroy();
  });

  test("through a jump host, whose key is pinned as well", async () => {
    const far = await given();
    const near = await given();
    const { user, port } = near.address;
    // Both machines have our key.
    writeFileSync(far.authorizedKeys, near.publicKey);
    const address = { ...far.address, identity: near.identity, jump: `${user}@127.0.0.1:${port}` };
    const transport = await open(far, { address, jumpHostKey: near.hostKey });
    (await transport.connect()).destroy();
    expect(near.said).toContain("Accepted publickey");
    expect(far.said).toContain("Accepted publickey");
    await transport.close();
    const wrong = await open(far, { address, jumpHostKey: far.hostKey });
    await expect(wrong.connect()).rejects.toMatchObject({ name: "HostKeyChanged" });
    const unpinned = await open(far, { address });
    await expect(unpinned.connect()).rejects.toThrow("no host key is pinned for");
    const astray = await open(far, { address: { ...address, port: 1 }, jumpHostKey: near.hostKey });
    await expect(astray.connect()).rejects.toThrow("cannot reach 127.0.0.1:1");
    const nonsense = await open(far, { address: { ...address, jump: "-oProxyCommand=id" } });
    await expect(nonsense.connect()).rejects.toThrow("is no jump host");
  });

  test("with the keys of an ssh agent", async () => {
    const server = await given();
    const socket = join(server.root, "agent");
    const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
    onTestFinished(() => void agent.kill());
    await waitFor("the agent's socket", () => existsSync(socket));
    const address = { ...server.address, identity: null };
    const transport = await open(server, { address, agentSocket: socket });
    await expect(transport.execute(["true"])).rejects.toThrow("refused any key of the ssh agent");
    spawnSync("ssh-add", ["-q", server.identity], {
      env: { SSH_AUTH_SOCK: socket, PATH: process.env["PATH"] },
    });
    expect(await transport.execute(["true"])).toMatchObject({ code: 0 });
  });
});

describe.runIf(problem === undefined)("the program", () => {
  test("is put there once; a newer one beside it, while an agent of the older one runs on", async () => {
    const server = await given();
    await using world = await openFarWorld(server);
    const session = world.session();
    const sink = await world.run(world.plain(session, ["cat"]));
    const programs = join(server.home, ".local", "share", "orcha-runner", "program");
    const [first = ""] = readdirSync(programs);
    const file = join(programs, first, "relay.mjs");
    const { ino, mtimeMs } = statSync(file);

    const newer = join(server.root, "newer");
    cpSync((await program()).directory, newer, { recursive: true });
    appendFileSync(join(newer, "relay.mjs"), "// newer\n");
    const upgraded = openSsh(server.options(newer, { workRoot: world.workRoot }));
    const link = openLink({
      transport: upgraded,
      hello: { installation: "test", plane: "plane", epoch: 1 },
      clock,
    });
    const again = new Sink();
    expect(await link.attach({ session, attempt: 1 }, again)).toMatchObject({ ok: true });
    expect(readdirSync(programs)).toHaveLength(2);
    expect(statSync(file)).toMatchObject({ ino, mtimeMs });
    await link.request({ op: "input", session, attempt: 1, input: { id: "1", line: "on" } });
    await waitFor("both to see the answer", () => sink.text === "on\n" && again.text === "on\n");
    await link.close();
    await world.ask({ op: "stop", session, attempt: 1, graceMs: 0 });
    await sink.exited();
    expect(readdirSync(programs)).toHaveLength(2);
  });

  test("what a crash left of it is put right", async () => {
    const server = await given();
    const transport = await open(server);
    (await transport.connect()).destroy();
    await transport.close();
    const programs = join(server.home, ".local", "share", "orcha-runner", "program");
    const [name = ""] = readdirSync(programs);
    writeFileSync(join(programs, name, "relay.mjs"), "");
    (await transport.connect()).destroy();
    expect(statSync(join(programs, name, "relay.mjs")).size).toBeGreaterThan(1000);
    expect(readdirSync(programs)).toEqual([name]);
  });

  test.for([
    [
      "files that talk",
      'echo Welcome; echo "orcha" >&2; printf "no newline"; echo; exec sh -c "$SSH_ORIGINAL_COMMAND"',
    ],
    ["dash", 'exec dash -c "$SSH_ORIGINAL_COMMAND"'],
    ["bash", 'exec bash -c "$SSH_ORIGINAL_COMMAND"'],
    ["fish", 'exec fish -c "$SSH_ORIGINAL_COMMAND"'],
    ["tcsh", 'exec tcsh -c "$SSH_ORIGINAL_COMMAND"'],
    ["busybox", 'exec busybox sh -c "$SSH_ORIGINAL_COMMAND"'],
  ] as const)("a login shell: %s", async ([name, instead], { skip }) => {
    if (/^\w+$/u.test(name) && spawnSync(name, ["-c", "true"]).error !== undefined)
      skip(`${name} is not installed`);
    const server = await given({ instead, streamLocal: false });
    const transport = await open(server);
    (await transport.connect()).destroy();
    expect(await transport.execute(["echo", "it's"])).toMatchObject({
      stdout: Buffer.from("it's\n"),
    });
  });
});

describe.runIf(problem === undefined)("commands", () => {
  test("arguments arrive as they are, output and exit code come back", async () => {
    const transport = await open(await given());
    const odd = ["a b", "$HOME", "`id`", "'\"\\", "ü\n;", "", "*", "--", "!!"];
    const print =
      'process.stdout.write(JSON.stringify(process.argv.slice(1))); process.stderr.write("said"); process.exitCode = 7';
    const result = await transport.execute(["node", "-e", print, "--", ...odd]);
    expect({ ...result, stdout: JSON.parse(result.stdout.toString()) as unknown }).toEqual({
      code: 7,
      stdout: odd,
      stderr: Buffer.from("said"),
    });
    expect(await transport.execute(["sh", "-c", "kill -9 $$"])).toMatchObject({ code: 137 });
    const missing = await transport.execute(["no-such-program"]);
    expect(missing.code).toBe(127);
    expect(missing.stderr.toString()).toContain("cannot start no-such-program");
    const input = await transport.execute(["cat"]);
    expect(input).toMatchObject({ code: 0, stdout: Buffer.alloc(0) });
  });

  test("output is limited; a command that does not end is killed, with what it started", async () => {
    const server = await given();
    const transport = await open(server);
    const much = await transport.execute([
      "sh",
      "-c",
      "yes | head -c 5000000; yes no | head -c 5000000 >&2",
    ]);
    expect([much.code, much.stdout.byteLength, much.stderr.byteLength]).toEqual([
      0, 65_536, 65_536,
    ]);
    const file = join(server.root, "pids");
    const endless = ["sh", "-c", 'sleep 600 & echo "$! $$" > "$1"; wait', "sh", file];
    await expect(transport.execute(endless, { timeoutMs: 1000 })).rejects.toThrow(
      "sh did not end within 1000 ms on",
    );
    const { stdout } = await transport.execute(["cat", file]);
    const pids = stdout.toString().trim().split(" ");
    await waitFor("both to be gone", () => pids.every((pid) => !existsSync(`/proc/${pid}/cwd/.`)));
    expect(pids).toHaveLength(2);
  });
});
