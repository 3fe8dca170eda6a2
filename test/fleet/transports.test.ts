/** The transports that there are, each through the contract. */
import process from "node:process";
import { afterAll, beforeAll, describe } from "vitest";
import { RunnerWorld } from "../runners/world.ts";
import { openFarWorld } from "../ssh/far-world.ts";
import { Sshd, sshdProblem } from "../ssh/sshd.ts";
import { testTransport } from "./contract.ts";

describe("local", () => {
  testTransport(() => RunnerWorld.open());
});

const problem = sshdProblem();
if (problem !== undefined) process.stderr.write(`${problem}\n`);

describe.runIf(problem === undefined).for([
  ["a stream per link to the socket", true],
  ["a server that forbids those", false],
] as const)("ssh: %s", ([, streamLocal]) => {
  let server: Sshd | undefined;
  beforeAll(async () => {
    server = await Sshd.start({ streamLocal });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  testTransport(() => {
    if (server === undefined) throw new Error("no sshd");
    return openFarWorld(server);
  });
});
