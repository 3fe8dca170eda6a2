/**
 * Machines of their own as network namespaces: each has its own interfaces and addresses, and a link to us that can be
 * cut and put back as one pulls a cable. Needs root and iproute2.
 */
import { execFileSync, spawnSync } from "node:child_process";
import process from "node:process";

export interface Host extends Disposable {
  /** Its address as seen from here. */
  readonly address: string;
  /** What runs a command there. */
  readonly inside: readonly string[];
  /** Packets go nowhere, and nobody is told. */
  cut(): void;
  restore(): void;
}

let asked: string | undefined | null = null;

/** Why there can be none here; undefined = there can. */
export function hostsProblem(): string | undefined {
  if (asked === null) asked = problem();
  return asked;
}

function problem(): string | undefined {
  if (process.getuid?.() !== 0) return "runners on hosts of their own need root";
  const name = `orcha-try-${process.pid}`;
  const made = spawnSync("ip", ["netns", "add", name], { encoding: "utf8" });
  if (made.error !== undefined)
    return "runners on hosts of their own need ip (apt-get install iproute2)";
  if (made.status !== 0)
    return `runners on hosts of their own need network namespaces: ${made.stderr.trim()}`;
  ip("netns", "del", name);
  return undefined;
}

let count = 0;

/** Addresses are of the range for benchmarks (RFC 2544), which nobody routes. */
export function openHost(): Host {
  count += 1;
  const id = `${process.pid % 100_000}x${count}`;
  const [name, near, far] = [`orcha-${id}`, `oh${id}`, `og${id}`];
  const at = (end: number): string => `198.18.${process.pid % 250}.${4 * count + end}`;
  const [ours, address] = [at(1), at(2)];
  const inside = ["ip", "netns", "exec", name];
  ip("netns", "add", name);
  ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name);
  ip("addr", "add", `${ours}/30`, "dev", near);
  ip("link", "set", near, "up");
  for (const args of [
    ["addr", "add", `${address}/30`, "dev", far],
    ["link", "set", far, "up"],
    ["link", "set", "lo", "up"],
  ])
    ip("-n", name, ...args);
  return {
    address,
    inside,
    cut: () => ip("-n", name, "link", "set", far, "down"),
    restore: () => ip("-n", name, "link", "set", far, "up"),
    // Its interfaces go with it.
    [Symbol.dispose]: () => ip("netns", "del", name),
  };
}

const ip = (...args: readonly string[]): void =>
  void execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
