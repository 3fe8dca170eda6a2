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
  const last = body.trimEnd().split(/\r?\n/u).at(-1) ?? "";
  const found = /^<!-- orcha:v1 (?<name>[0-9a-f]{32}) (?<hmac>[0-9a-f]{32}) -->$/u.exec(
    last,
  )?.groups;
  if (found?.["name"] !== nameOf(key)) return false;
  return timingSafeEqual(Buffer.from(found["hmac"] ?? "", "hex"), hmacOf(nameOf(key), secret));
}

const BYTES = 16;

/** Keys are ours but may hold anything; in a comment stand 32 hex digits. */
const nameOf = (key: string): string =>
  createHash("sha256")
    .update(key)
    .digest("hex")
    .slice(0, BYTES * 2);

const hmacOf = (name: string, secret: Uint8Array): Buffer =>
  createHmac("sha256", secret).update(`orcha:v1 ${name}`).digest().subarray(0, BYTES);
