/** The transports that there are, each through the contract. */
import { describe } from "vitest";
import { RunnerWorld } from "../runners/world.ts";
import { problem, sharing } from "../ssh/given.ts";
import { testTransport } from "./contract.ts";

describe("local", () => {
  testTransport(() => RunnerWorld.open());
});

describe.runIf(problem === undefined).for([
  ["a stream per link to the socket", true],
  ["a server that forbids those", false],
] as const)("ssh: %s", ([, streamLocal]) => {
  testTransport(sharing({ streamLocal }));
});
