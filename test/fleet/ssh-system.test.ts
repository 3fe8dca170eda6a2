/** The system's ssh as the way to a runner: certificates, the pinned key, what it is given. Against a real sshd. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { parseHostKey } from "../../src/fleet/ssh/host-key.ts";
import type { SshOptions, SshTransport } from "../../src/fleet/ssh/ssh.ts";
import { openSystemSsh, sshArguments } from "../../src/fleet/ssh/system.ts";
import { program } from "../runners/world.ts";
import { openFarWorld } from "../ssh/far-world.ts";
import { certify, keygen, Sshd, sshdProblem, type SshdOptions } from "../ssh/sshd.ts";
import { testTransport } from "./contract.ts";

const problem =
  sshdProblem() ??
  (spawnSync("ssh", ["-V"]).error === undefined
    ? undefined
    : "ssh is not installed (apt-get install openssh-client): its tests are skipped");
if (problem !== undefined) process.stderr.write(`${problem}\n`);

async function given(options: SshdOptions = {}): Promise<Sshd> {
  const server = await Sshd.start(options);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

async function open(server: Sshd, more: Partial<SshOptions> = {}): Promise<SshTransport> {
  const transport = openSystemSsh(server.options((await program()).directory, more));
  onTestFinished(() => transport.close());
  return transport;
}

describe.runIf(problem === undefined)("the contract", () => {
  let server: Sshd | undefined;
  beforeAll(async () => {
    server = await Sshd.start();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  testTransport(() => {
    if (server === undefined) throw new Error("no sshd");
    return openFarWorld(server, {}, openSystemSsh);
  });
});

describe.runIf(problem === undefined)("the system's ssh", () => {
  test("logs in with a certificate, which ssh2 cannot", async () => {
    const server = await given();
    const authority = join(server.root, "authority");
    keygen(authority);
    const key = join(server.root, "certified");
    keygen(key);
    certify(authority, `${key}.pub`, server.address.user);
    writeFileSync(
      server.authorizedKeys,
      `cert-authority ${readFileSync(`${authority}.pub`, "utf8")}`,
    );
    const transport = await open(server, { address: { ...server.address, identity: key } });
    const result = await transport.execute(["sh", "-c", "echo in; exit 255"]);
    expect(result).toMatchObject({ code: 255, stdout: Buffer.from("in\n") });
    expect(server.said).toContain("ED25519-CERT");
  });

  test("a changed key, a refused key, nobody there", async () => {
    const server = await given();
    const { hostKey, address } = server;
    const stranger = join(server.root, "stranger");
    keygen(stranger);
    const refused = await open(server, { address: { ...address, identity: stranger } });
    await expect(refused.connect()).rejects.toMatchObject({ kind: "auth" });
    await server.kill();
    const nobody = await open(server);
    await expect(nobody.connect()).rejects.toThrow("Connection refused");
    server.newHostKey();
    await server.start();
    const before = server.said.length;
    const changed = await open(server, { hostKey });
    await expect(changed.connect()).rejects.toMatchObject({
      name: "HostKeyChanged",
      seen: { fingerprint: parseHostKey(server.hostKey).fingerprint },
    });
    await server.kill();
    server.newHostKey("ecdsa");
    await server.start();
    await expect(changed.execute(["true"])).rejects.toMatchObject({
      name: "HostKeyChanged",
      seen: null,
    });
    expect(server.said.slice(before)).not.toMatch(/Accepted|Failed|Postponed/u);
  });

  test("nothing in an address is taken for an option", async () => {
    const server = await given();
    const pinned = parseHostKey(server.hostKey);
    const { address } = server;
    for (const host of ["-oProxyCommand=id", "a b", ""])
      expect(() => sshArguments({ ...address, host }, pinned, "f")).toThrow("is no user or host");
    expect(() => sshArguments({ ...address, user: "-l" }, pinned, "f")).toThrow(TypeError);
    expect(() => sshArguments({ ...address, jump: "-oX=1" }, pinned, "f")).toThrow("no jump host");
    expect(sshArguments({ ...address, port: 22 }, pinned, "f")).not.toContain("-p");
    await expect(open(server, { hostKey: null })).rejects.toMatchObject({ kind: "host-key" });
  });
});
