/** The world of one chaos run: GitHub, two proxies that do harm, the server, the people, and who kills. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../src/demo/sshd.ts";
import { openRandom, type Random } from "../sim/random.ts";
import { openChaosGitHub, type ChaosGitHub } from "./github.ts";
import { openOperators, type Operators } from "./operators.ts";
import { openMachine } from "./machine.ts";
import { environmentOf, type ChaosOptions } from "./options.ts";
import { People } from "./people.ts";
import { kill, processesIn } from "./processes.ts";
import { openProxy, type Proxy } from "./proxy.ts";
import { openServer, type Server } from "./server.ts";

export interface Chaos extends AsyncDisposable {
  readonly directory: string;
  readonly github: ChaosGitHub;
  readonly server: Server;
  readonly people: People;
  readonly kills: ReadonlyMap<string, number>;
  readonly harms: ReadonlyMap<string, number>;
  /** What ended although nobody harmed it. */
  readonly surprises: readonly string[];
  /** No more harm: the network is well, nobody is killed. */
  heal(): Promise<void>;
}

export async function openChaos(options: ChaosOptions): Promise<Chaos> {
  await using stack = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "orcha-chaos-"));
  stack.defer(() => {
    for (const { pid } of processesIn(directory)) kill(pid, "SIGKILL");
  });
  const random = openRandom(options.seed);
  const kills = new Map<string, number>();
  const surprises: string[] = [];
  let operators: Operators | null = null;
  const network = await openNetwork(options, random, stack);
  const { hooks, front, harms } = network;
  const github = await openChaosGitHub({
    random: random.fork("github"),
    limits: options.limits,
    installations: options.installations,
    publicUrl: `http://127.0.0.1:${front.port}`,
    webhookUrl: `http://127.0.0.1:${hooks.port}/api/github/webhooks`,
    onWrite: () => operators?.onWrite(),
  });
  stack.defer(() => github.emulator.close());
  network.leadTo(Number(new URL(github.emulator.url).port));
  const where = { directory, github, host: `127.0.0.1:${front.port}`, port: network.port };
  const machine = options.ssh === true ? await openMachine(directory, random.fork("ssh")) : null;
  if (machine !== null) stack.use(machine);
  const env = environmentOf(options, where);
  const server = openServer({
    directory,
    env,
    local: machine === null,
    onSurprise: (what) => surprises.push(what),
  });
  stack.defer(async () => void (await server.close()));
  const { world, app } = github;
  const botLogin = app.botUser.login;
  await server.serving();
  await machine?.register(env, options.slots);
  const people = new People({ random: random.fork("people"), world, botLogin });
  const killing = openOperators({
    random: random.fork("operators"),
    directory,
    server,
    proxies: [hooks, front],
    more: machine?.harms ?? [],
    everyMs: options.killEveryMs,
    onKill: (kind) => count(kills, kind),
  });
  operators = killing;
  const heal = async (): Promise<void> => {
    network.heal();
    await killing.stop();
  };
  stack.defer(heal);
  const all = stack.move();
  const close = (): Promise<void> => all.disposeAsync();
  const told = { kills, harms, surprises };
  return { directory, github, server, people, ...told, heal, [Symbol.asyncDispose]: close };
}

const count = (counts: Map<string, number>, kind: string): void =>
  void counts.set(kind, (counts.get(kind) ?? 0) + 1);

/** One proxy before GitHub (API and git), one before the server (webhooks). */
async function openNetwork(
  options: ChaosOptions,
  random: Random,
  stack: AsyncDisposableStack,
): Promise<{
  readonly hooks: Proxy;
  readonly front: Proxy;
  readonly harms: ReadonlyMap<string, number>;
  /** Of the server. */
  readonly port: number;
  /** Says where GitHub is: it needs the proxy's address to begin with. */
  leadTo(port: number): void;
  heal(): void;
}> {
  const harms = new Map<string, number>();
  const port = await freePort();
  let { share } = options;
  let github = 0;
  const open = async (name: string, target: () => number): Promise<Proxy> => {
    const proxy = await openProxy({
      random: random.fork(name),
      target,
      share: () => share,
      onHarm: (harm) => count(harms, harm),
    });
    stack.defer(() => proxy.close());
    return proxy;
  };
  const hooks = await open("hooks", () => port);
  const front = await open("front", () => github);
  return {
    hooks,
    front,
    harms,
    port,
    leadTo: (to) => (github = to),
    heal() {
      share = 0;
      for (const proxy of [hooks, front]) proxy.heal();
    },
  };
}
