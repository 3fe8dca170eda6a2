/** What tests against a real sshd begin with. */
import process from "node:process";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { openSsh, type SshOptions, type SshTransport } from "../../src/fleet/ssh/ssh.ts";
import { program, type RunnerWorld } from "../runners/world.ts";
import { openFarWorld } from "./far-world.ts";
import { Sshd, sshdProblem, type SshdOptions } from "./sshd.ts";

/** Undefined = there is an sshd; what is skipped without is said. */
export const problem = sshdProblem();
if (problem !== undefined) process.stderr.write(`${problem}\n`);

/** For this test alone. */
export async function given(options: SshdOptions = {}): Promise<Sshd> {
  const server = await Sshd.start(options);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

type Open = (options: SshOptions) => SshTransport;

/** A way to the server that ends with the test. */
export async function open(
  server: Sshd,
  more: Partial<SshOptions> = {},
  way: Open = openSsh,
): Promise<SshTransport> {
  const transport = way(server.options((await program()).directory, more));
  onTestFinished(() => transport.close());
  return transport;
}

/** Worlds behind one server for all tests of a block. */
export function sharing(options: SshdOptions, way: Open = openSsh): () => Promise<RunnerWorld> {
  let server: Sshd | undefined;
  beforeAll(async () => {
    server = await Sshd.start(options);
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  return () => {
    if (server === undefined) throw new Error("no sshd");
    return openFarWorld(server, {}, way);
  };
}
