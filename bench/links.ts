/**
 * An agent's output through the daemon and the link to the control plane's doorstep: lines a second, and how long a line is
 * on its way; over this machine's socket and over a real sshd on loopback. Beside it the same program through the
 * system's `ssh`, and `ssh cat` of the same bytes.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { AttachSink, Link } from "../src/fleet/link.ts";
import { openFarWorld } from "../test/ssh/far-world.ts";
import { Sshd, sshdProblem } from "../test/ssh/sshd.ts";
import { RunnerWorld } from "../test/runners/world.ts";
import { startAgent } from "./agents.ts";
import {
  interleaved,
  median,
  pick,
  quantile,
  ratios,
  short,
  spreadOf,
  timed,
  type Scale,
} from "./measure.ts";
import { openDirectory } from "./programs.ts";
import type { Figure } from "./table.ts";

const EVERY_MS = 2;

export async function links(scale: Scale): Promise<readonly Figure[]> {
  const problem = sshdProblem();
  if (problem !== undefined) process.stderr.write(`${problem}\n`);
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(openDirectory());
  const here = stack.use(await RunnerWorld.open());
  const server = problem === undefined ? stack.use(await Sshd.start()) : null;
  const far = server === null ? null : stack.use(await openFarWorld(server));
  const remote = server === null ? null : systemSsh(server);
  const recorded = join(directory.path, "recorded");
  const lines = pick(scale, 400_000, 500);
  await writeFile(recorded, Array.from({ length: lines }, (_, n) => `${lineOf(n)}\n`).join(""));
  return [
    ...(await throughput({ scale, recorded, lines, here, far, remote })),
    ...(await latency({ scale, here, far, remote })),
  ];
}

type Remote = (command: readonly string[], onData: (chunk: Buffer) => void) => Promise<void>;

interface Setting {
  readonly scale: Scale;
  readonly here: RunnerWorld;
  readonly far: RunnerWorld | null;
  readonly remote: Remote | null;
}

const lineOf = (number: number): string =>
  JSON.stringify({ type: "text", text: `${number}: ${"what an agent says ".repeat(8)}` });

async function throughput({
  scale,
  recorded,
  lines,
  here,
  far,
  remote,
}: Setting & { readonly recorded: string; readonly lines: number }): Promise<readonly Figure[]> {
  const { size } = statSync(recorded);
  const through = (world: RunnerWorld) => () =>
    timed(() => follow(world, ["cat", recorded], () => {}));
  const plain = async (run: Remote): Promise<number> =>
    timed(() => run(["cat", recorded], () => {}));
  const ways: Record<string, () => Promise<number>> = { local: through(here) };
  if (far !== null) ways["ssh"] = through(far);
  if (remote !== null) ways["cat"] = () => plain(remote);
  const values = await interleaved(pick(scale, 5, 1), ways);
  const perSecond = (ms: number): string =>
    `${short((1000 * lines) / ms)} lines/s, ${short(size / 1e3 / ms)} MB/s`;
  const { local = [], ssh, cat } = values;
  const against = cat === undefined ? "–" : `ssh cat: ${perSecond(median(cat))}`;
  const figure = (what: string, ours: readonly number[]): Figure => ({
    what: `agent's output through the ${what} link`,
    ours: perSecond(median(ours)),
    against,
    ratio: cat === undefined ? null : median(ratios(cat, ours)),
    spread: spreadOf(ours),
    aim: null,
  });
  return [figure("local", local), ...(ssh === undefined ? [] : [figure("SSH", ssh)])];
}

async function latency({ scale, here, far, remote }: Setting): Promise<readonly Figure[]> {
  const count = pick(scale, 2_000, 20);
  const clock = [
    process.execPath,
    join(import.meta.dirname, "links/clock.ts"),
    String(count),
    String(EVERY_MS),
  ];
  const through = (world: RunnerWorld) => measured((onData) => follow(world, clock, onData));
  const local = await through(here);
  const ssh = far === null ? null : await through(far);
  const plain = remote === null ? null : await measured((onData) => remote(clock, onData));
  const figure = (what: string, waits: readonly number[]): Figure => ({
    what: `a line on its way through the ${what} link, 99th of 100 (median)`,
    ours: text(waits),
    against: plain === null ? "–" : `ssh: ${text(plain)}`,
    ratio: plain === null ? null : quantile(waits, 0.99) / quantile(plain, 0.99),
    spread: "",
    aim: null,
  });
  return [figure("local", local), ...(ssh === null ? [] : [figure("SSH", ssh)])];
}

const text = (waits: readonly number[]): string =>
  `${short(quantile(waits, 0.99))} ms (${short(median(waits))} ms)`;

/** Ms that each line was on its way. */
async function measured(
  run: (onData: (chunk: Buffer) => void) => Promise<void>,
): Promise<readonly number[]> {
  const waits: number[] = [];
  let rest = "";
  await run((chunk) => {
    const now = process.hrtime.bigint();
    const whole = (rest + chunk.toString("latin1")).split("\n");
    rest = whole.pop() ?? "";
    for (const line of whole) waits.push(Number(now - BigInt(line)) / 1e6);
  });
  return waits;
}

/** Starts it as an agent and takes what it prints, until it has ended. */
async function follow(
  world: RunnerWorld,
  command: readonly string[],
  onData: (chunk: Buffer) => void,
): Promise<void> {
  const session = world.session();
  const spec = world.plain(session, command);
  const { link } = world;
  await startAgent(link, spec);
  await attached(link, session, onData);
}

async function attached(
  link: Link,
  session: string,
  onData: (chunk: Buffer) => void,
): Promise<void> {
  const ended = Promise.withResolvers<void>();
  const seen = { out: 0, err: 0, seq: 0 };
  const sink: AttachSink = {
    position: () => seen,
    output(kind, _, bytes) {
      seen[kind] += bytes.byteLength;
      if (kind === "out") onData(Buffer.from(bytes));
    },
    journal(line) {
      seen.seq += 1;
      if (line.entry.kind === "exited") ended.resolve();
    },
    refused: ({ reason }) => ended.reject(new Error(reason)),
  };
  const reply = await link.attach({ session, attempt: 1 }, sink);
  if (!reply.ok) throw new Error(reply.reason);
  await ended.promise;
  await link.detach({ session, attempt: 1 });
}

function systemSsh(server: Sshd): Remote {
  const { user, host, port, identity } = server.address;
  const options = ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"];
  const known = ["-o", "UserKnownHostsFile=/dev/null", "-i", identity ?? "", "-p", String(port)];
  return async (command, onData) => {
    const args = [...options, ...known, `${user}@${host}`, ...command];
    const child = spawn("ssh", args, { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout.on("data", onData);
    const [code]: unknown[] = await once(child, "close");
    if (code !== 0) throw new Error(`ssh ended with ${String(code)}`);
  };
}
