/** Host keys as sshd writes them (`ssh-ed25519 AAAA…`), their fingerprints, and how they are compared. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { ServerHostKeyAlgorithm } from "ssh2";

export interface HostKey {
  /** As in known_hosts: type and key, without a comment. */
  readonly text: string;
  readonly type: string;
  /** `SHA256:…`, as ssh-keygen -l prints it. */
  readonly fingerprint: string;
}

/** The signatures that a key of this type makes: only these are asked for. */
const ALGORITHMS: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
};

/** Throws TypeError when the text is not a key of a type we know. */
export function parseHostKey(text: string): HostKey {
  const [type = "", encoded = ""] = text.trim().split(/\s+/u);
  const blob = Buffer.from(encoded, "base64");
  if (!(type in ALGORITHMS) || blob.byteLength < 16 || typeOf(blob) !== type)
    throw new TypeError(
      `${JSON.stringify(text.slice(0, 60))} is no host key: "ssh-ed25519 AAAA…" was expected (one of ${Object.keys(ALGORITHMS).join(", ")})`,
    );
  return hostKeyOf(blob);
}

/** From the form it has on the wire. */
export function hostKeyOf(blob: Uint8Array): HostKey {
  const bytes = Buffer.from(blob);
  const type = typeOf(bytes);
  const digest = createHash("sha256").update(bytes).digest("base64").replace(/=+$/u, "");
  return { text: `${type} ${bytes.toString("base64")}`, type, fingerprint: `SHA256:${digest}` };
}

export function algorithmsOf({ type }: HostKey): ServerHostKeyAlgorithm[] {
  return [...(ALGORITHMS[type] ?? [])];
}

export function sameKey(one: HostKey, other: HostKey): boolean {
  const [a, b] = [Buffer.from(one.text), Buffer.from(other.text)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

/** The blob begins with its own type: four bytes of length, then that many characters. */
function typeOf(blob: Buffer): string {
  if (blob.byteLength < 4) return "";
  return blob.toString("latin1", 4, 4 + Math.min(blob.readUInt32BE(0), 64));
}
