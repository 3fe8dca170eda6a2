/**
 * `orcha-runner watch SESSION`: what a session's agent prints, for somebody who is logged in on this machine. Reads the record of
 * its newest attempt and goes on as that grows; the raw lines, not redacted, with their control characters taken out.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { harmless } from "../../src/lib/harmless.ts";
import { readRange, sizeOf } from "./files.ts";
import type { Layout } from "./layout.ts";

const PART_BYTES = 64 * 1024;
/** Of what was before. */
const BEFORE_BYTES = 16 * 1024;
const LOOK_MS = 300;
const LINE_MAX = 4000;

/** Ends when `signal` is aborted, or at the end of the record with `follow` false. Throws Error for a session that is not here. */
export async function watch(
  { sessions }: Pick<Layout, "sessions">,
  session: string,
  { follow, signal }: { readonly follow: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const directory = join(sessions, session);
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u.test(session) || !existsSync(directory))
    throw new Error(`there is no session ${session.slice(0, 64)} in ${sessions}`);
  let attempt = 0;
  let at = 0;
  let rest = Buffer.alloc(0);
  while (!signal.aborted) {
    const newest = newestOf(directory);
    if (newest !== attempt) {
      [attempt, rest] = [newest, Buffer.alloc(0)];
      at = Math.max(0, sizeOf(join(directory, String(attempt), "out")) - BEFORE_BYTES);
      process.stdout.write(`── attempt ${attempt} ──\n`);
    }
    const path = join(directory, String(attempt), "out");
    const part = sizeOf(path) > at ? readRange(path, at, PART_BYTES) : Buffer.alloc(0);
    at += part.byteLength;
    const whole = Buffer.concat([rest, part]);
    const end = whole.lastIndexOf(0x0a) + 1;
    // A line without an end must not fill the memory.
    rest = whole.subarray(end).subarray(-PART_BYTES);
    if (end > 0) process.stdout.write(readable(whole.toString("utf8", 0, end)));
    if (part.byteLength > 0) continue;
    if (!follow) return;
    await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

const newestOf = (directory: string): number =>
  Math.max(
    0,
    ...readdirSync(directory)
      .filter((name) => /^\d{1,6}$/u.test(name))
      .map(Number),
  );

const readable = (text: string): string =>
  text
    .split("\n")
    .map((line) => harmless(line).slice(0, LINE_MAX))
    .join("\n");
