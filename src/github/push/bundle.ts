/**
 * A git bundle taken apart by hand. `git fetch` and `git bundle unbundle` of common versions check nothing
 * of what is inside; the pack goes through `index-pack --strict` instead, which does.
 */

export interface Bundle {
  readonly prerequisites: readonly string[];
  readonly heads: readonly string[];
  readonly pack: Buffer;
}

const HEADER_MAX = 64 * 1024;
const LINES_MAX = 500;

/** The parts of a bundle (v2, or v3 for SHA-1), or why it is none. */
export function parseBundle(
  bytes: Uint8Array,
):
  | { readonly ok: true; readonly bundle: Bundle }
  | { readonly ok: false; readonly reason: string } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.subarray(0, HEADER_MAX).indexOf("\n\n");
  if (end === -1) return bad("the bundle's header does not end");
  const [signature, ...lines] = buffer.subarray(0, end).toString("latin1").split("\n");
  if (signature !== "# v2 git bundle" && signature !== "# v3 git bundle")
    return bad("not a git bundle");
  if (lines.length > LINES_MAX) return bad("the bundle's header is too long");
  const prerequisites: string[] = [];
  const heads: string[] = [];
  for (const line of lines) {
    if (line === "@object-format=sha1") continue;
    const before = /^-(?<sha>[0-9a-f]{40})(?: |$)/u.exec(line)?.groups?.["sha"];
    const head = /^(?<sha>[0-9a-f]{40}) \S/u.exec(line)?.groups?.["sha"];
    if (before !== undefined) prerequisites.push(before);
    else if (head !== undefined) heads.push(head);
    else return bad("the bundle's header holds a line that is not understood");
  }
  return { ok: true, bundle: { prerequisites, heads, pack: buffer.subarray(end + 2) } };
}

const bad = (reason: string): { readonly ok: false; readonly reason: string } => ({
  ok: false,
  reason,
});
