/** The system's ssh as the way to a runner: certificates, the pinned key, what it is given. Against a real sshd. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, test } from "vitest";
import { parseHostKey } from "../../src/fleet/ssh/host-key.ts";
import { openSystemSsh, sshArguments } from "../../src/fleet/ssh/system.ts";
import { given, open, problem, sharing } from "../ssh/given.ts";
import { certify, keygen } from "../ssh/sshd.ts";
import { testTransport } from "./contract.ts";

const noClient =
  spawnSync("ssh", ["-V"]).error === undefined
    ? undefined
    : "ssh is not installed (apt-get install openssh-client): its tests are skipped";
if (noClient !== undefined) process.stderr.write(`${noClient}\n`);
const isThere = problem === undefined && noClient === undefined;

describe.runIf(isThere)("the contract", () => {
  testTransport(sharing({}, openSystemSsh));
});

describe.runIf(isThere)("the system's ssh", () => {
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
    const transport = await open(
      server,
      { address: { ...server.address, identity: key } },
      openSystemSsh,
    );
    const result = await transport.execute(["sh", "-c", "echo in; exit 255"]);
    expect(result).toMatchObject({ code: 255, stdout: Buffer.from("in\n") });
    expect(server.said).toContain("ED25519-CERT");
  });

  test("a changed key, a refused key, nobody there", async () => {
    const server = await given();
    const { hostKey, address } = server;
    const stranger = join(server.root, "stranger");
    keygen(stranger);
    const refused = await open(
      server,
      { address: { ...address, identity: stranger } },
      openSystemSsh,
    );
    await expect(refused.connect()).rejects.toMatchObject({ kind: "auth" });
    await server.kill();
    const nobody = await open(server, {}, openSystemSsh);
    await expect(nobody.connect()).rejects.toThrow("Connection refused");
    server.newHostKey();
    await server.start();
    const before = server.said.length;
    const changed = await open(server, { hostKey }, openSystemSsh);
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
    await expect(open(server, { hostKey: null }, openSystemSsh)).rejects.toMatchObject({
      kind: "host-key",
    });
  });
});
