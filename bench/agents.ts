/** Agents of a benchmark, and what they leave in /proc. */
import { readdirSync, readFileSync } from "node:fs";
import type { Link } from "../src/fleet/link.ts";
import type { AttemptSpec } from "../src/protocol/requests.ts";

/** Throws when the runner refuses. */
export async function startAgent(link: Pick<Link, "request">, spec: AttemptSpec): Promise<void> {
  const { reply } = await link.request({ op: "start", spec, credential: null });
  if (!reply.ok) throw new Error(reply.reason);
}

export const pids = (): readonly string[] =>
  readdirSync("/proc").filter((entry) => /^\d+$/u.test(entry));

/** Empty when it ended while we looked. */
export function readProc(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return "";
  }
}
