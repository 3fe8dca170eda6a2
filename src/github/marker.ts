/**
 * The hidden last line of what we post: by it a later try recognises what an earlier one left. That our App
 * wrote the comment decides; the HMAC confirms that the line is ours and not quoted (decision 10).
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** `key` names the effect, the same on every try. `secret`: 32 random bytes of the data directory. */
export function markerOf(key: string, secret: Uint8Array): string {
  const name = nameOf(key);
  return `<!-- orcha:v1 ${name} ${hmacOf(name, secret).toString("hex")} -->`;
}

/** The text with the marker as its last line. */
export const withMarker = (markdown: string, marker: string): string =>
  `${markdown.trimEnd()}\n\n${marker}`;

/** Whether the last line of a body is the marker of `key`. */
export function hasMarker(body: string, key: string, secret: Uint8Array): boolean {
  const found = markerIn(body);
  if (found?.["name"] !== nameOf(key)) return false;
  return isOurs(found["hmac"], hmacOf(nameOf(key), secret));
}

/**
 * Whether the last line of a body is a marker that another secret made: of an installation of the same App that is not
 * this one, or of this one before its data directory was lost. Only asked about what our App wrote.
 */
export function isForeign(body: string, secret: Uint8Array): boolean {
  const found = markerIn(body);
  return found !== null && !isOurs(found["hmac"], hmacOf(found["name"] ?? "", secret));
}

function markerIn(body: string): Readonly<Record<string, string>> | null {
  const last = body.trimEnd().split(/\r?\n/u).at(-1) ?? "";
  const found = /^<!-- orcha:v1 (?<name>[0-9a-f]{32}) (?<hmac>[0-9a-f]{32}) -->$/u.exec(last);
  return found?.groups ?? null;
}

/** Which rendering of a text this is: the epoch of who rendered it, and a number that grows within it. */
export type Rendering = readonly [epoch: number, rev: number];

export const isNewer = (one: Rendering, other: Rendering): boolean =>
  one[0] === other[0] ? one[1] > other[1] : one[0] > other[0];

/** A hidden line of its own, above the marker. */
export function renderingOf(key: string, [epoch, rev]: Rendering, secret: Uint8Array): string {
  const hmac = hmacOf(`${nameOf(key)} ${epoch}.${rev}`, secret).toString("hex");
  return `<!-- orcha:rev ${epoch}.${rev} ${hmac} -->`;
}

/** null = none, or not one of ours. */
export function renderingIn(body: string, key: string, secret: Uint8Array): Rendering | null {
  const found =
    /^<!-- orcha:rev (?<epoch>\d{1,9})\.(?<rev>\d{1,15}) (?<hmac>[0-9a-f]{32}) -->$/mu.exec(
      body.replaceAll("\r\n", "\n"),
    )?.groups;
  if (found === undefined) return null;
  const rendering = [Number(found["epoch"]), Number(found["rev"])] as const;
  const signed = `${nameOf(key)} ${rendering[0]}.${rendering[1]}`;
  return isOurs(found["hmac"], hmacOf(signed, secret)) ? rendering : null;
}

const isOurs = (hmac: string | undefined, expected: Buffer): boolean =>
  timingSafeEqual(Buffer.from(hmac ?? "", "hex"), expected);

const BYTES = 16;

/** Keys are ours but may hold anything; in a comment stand 32 hex digits. */
const nameOf = (key: string): string =>
  createHash("sha256")
    .update(key)
    .digest("hex")
    .slice(0, BYTES * 2);

const hmacOf = (name: string, secret: Uint8Array): Buffer =>
  createHmac("sha256", secret).update(`orcha:v1 ${name}`).digest().subarray(0, BYTES);
