/** Two runners on hosts of their own, whose cables are pulled: what runs there runs on, and every byte arrives once. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { waitFor, type RunnerWorld, type Sink } from "../runners/world.ts";
import { openFarWorld } from "../ssh/far-world.ts";
import { given, problem } from "../ssh/given.ts";
import { hostsProblem, openHost, type Host } from "../ssh/hosts.ts";
import { counting, expectCounted } from "./counting.ts";

interface Machine {
  readonly host: Host;
  readonly world: RunnerWorld;
  readonly session: string;
  readonly sink: Sink;
  /** Bytes the agent has written on its own machine. */
  readonly written: () => number;
}

/** A host with an sshd, and a session at work there. */
async function machine(stack: AsyncDisposableStack, keepaliveMs?: number): Promise<Machine> {
  const host = openHost();
  // After the server, whose processes are in there.
  onTestFinished(() => host[Symbol.dispose]());
  const server = await given({ on: { host: host.address, inside: host.inside } });
  const world = stack.use(
    await openFarWorld(server, keepaliveMs === undefined ? {} : { keepaliveMs }),
  );
  const session = world.session();
  const sink = await world.run(world.plain(session, counting));
  const out = join(world.workRoot, "sessions", session, "1", "out");
  return { host, world, session, sink, written: () => statSync(out).size };
}

const more = async (what: string, count: () => number): Promise<void> => {
  const before = count();
  await waitFor(what, () => count() > before);
};

const end = async ({ world, session, sink }: Machine): Promise<void> => {
  await world.ask({ op: "input", session, attempt: 1, input: { id: "end", line: "end" } });
  await expectCounted(sink);
};

describe.runIf(problem === undefined && hostsProblem() === undefined)("hosts of their own", () => {
  test("one is cut off and comes back; the other notices nothing", async () => {
    await using stack = new AsyncDisposableStack();
    const [alpha, beta] = [await machine(stack, 200), await machine(stack)];
    await more("alpha's output", () => alpha.sink.position().out);

    alpha.host.cut();
    await waitFor("the loss to be noticed", () => alpha.world.link.state !== "connected");
    await more("alpha's agent to work on", alpha.written);
    await more("beta's output", () => beta.sink.position().out);
    expect(beta.world.link.state).toBe("connected");

    alpha.host.restore();
    await alpha.world.link.connected(AbortSignal.timeout(20_000));
    await more("alpha's output", () => alpha.sink.position().out);
    await Promise.all([end(alpha), end(beta)]);
  });

  test("a cut that nobody notices loses nothing either", async () => {
    await using stack = new AsyncDisposableStack();
    const alpha = await machine(stack);
    let changes = 0;
    alpha.world.link.onState(() => (changes += 1));
    for (let round = 0; round < 3; round += 1) {
      alpha.host.cut();
      await more("alpha's agent to work on", alpha.written);
      alpha.host.restore();
      await more("alpha's output", () => alpha.sink.position().out);
    }
    expect(changes).toBe(0);
    await end(alpha);
  });
});
