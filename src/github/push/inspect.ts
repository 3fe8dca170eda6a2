/** Brings a bundle into the quarantine and decides whether its commits may be pushed at all. */
import { parseBundle } from "./bundle.ts";
import {
  isDeleted,
  parseRawDiff,
  refusedChange,
  staysInside,
  type Change,
  type PolicyLimits,
} from "./policy.ts";
import { GitFailed, type Quarantine } from "./quarantine.ts";

export type Inspection =
  | { readonly ok: true; readonly commits: number }
  | {
      readonly ok: false;
      readonly code: "policy" | "nothing-committed" | "failed";
      readonly reason: string;
    };

export interface Export {
  readonly head: string;
  readonly base: string;
  readonly bundle: Uint8Array;
}

const refuse = (code: "policy" | "nothing-committed" | "failed", reason: string): Inspection => ({
  ok: false,
  code,
  reason,
});

/** Imports the objects (checked by fsck) and checks everything the head would add to the base. */
export async function inspect(
  quarantine: Quarantine,
  exported: Export,
  limits: PolicyLimits,
): Promise<Inspection> {
  const { head, base } = exported;
  if (head === base)
    return refuse("nothing-committed", `nothing committed since ${base.slice(0, 10)}`);
  const parsed = parseBundle(exported.bundle);
  if (!parsed.ok) return refuse("policy", parsed.reason);
  const { bundle } = parsed;
  if (!bundle.heads.includes(head)) return refuse("policy", `the bundle does not hold ${head}`);
  const imported = await importPack(quarantine, bundle.pack, limits);
  if (imported !== null) return imported;
  const commits = await countCommits(quarantine, base, head, limits);
  if (typeof commits !== "number") return commits;
  const refusal = await refusedContent(quarantine, base, head, limits);
  return refusal === null ? { ok: true, commits } : refuse("policy", refusal);
}

async function importPack(
  quarantine: Quarantine,
  pack: Buffer,
  limits: PolicyLimits,
): Promise<Inspection | null> {
  const args = ["index-pack", "--stdin", "--fix-thin", "--strict"];
  const bytesMax = `--max-input-size=${limits.totalBytesMax}`;
  const result = await quarantine.git([...args, bytesMax], { input: pack });
  if (result.code === 0) return null;
  if (result.timedOut) return refuse("policy", "the commits took too long to check");
  const why = /(?:error|fatal): (?<why>[^\n]{1,300})/u.exec(result.stderr)?.groups?.["why"];
  return refuse("policy", `git refuses the commits: ${why ?? "unknown reason"}`);
}

async function countCommits(
  quarantine: Quarantine,
  base: string,
  head: string,
  limits: PolicyLimits,
): Promise<number | Inspection> {
  const related = await quarantine.git(["merge-base", "--is-ancestor", base, head]);
  if (related.code === 1)
    return refuse("policy", `${head.slice(0, 10)} does not descend from ${base.slice(0, 10)}`);
  if (related.code !== 0) return refuse("policy", "the commits' history is incomplete");
  const max = String(limits.commitsMax + 1);
  const range = ["--max-count", max, `${base}..${head}`];
  const count = Number(await quarantine.output(["rev-list", "--count", ...range]));
  return count > limits.commitsMax
    ? refuse("policy", `more than ${limits.commitsMax} commits`)
    : count;
}

/** What the head changes, and what any single commit on the way changed. */
async function refusedContent(
  quarantine: Quarantine,
  base: string,
  head: string,
  limits: PolicyLimits,
): Promise<string | null> {
  const range = `${base}..${head}`;
  const commits = await quarantine.output(["rev-list", "--no-merges", range]);
  const whole = await diff(quarantine, [base, head]);
  const single = await diff(quarantine, ["--stdin", "--root"], `${commits}\n`);
  if (whole.length > limits.filesMax) return `more than ${limits.filesMax} files are changed`;
  for (const change of [...whole, ...single]) {
    const refusal = refusedChange(change);
    if (refusal !== null) return refusal;
  }
  const fresh = [...whole, ...single].filter((change) => !isDeleted(change));
  return (await tooLarge(quarantine, fresh, limits)) ?? (await leavingLink(quarantine, fresh));
}

async function diff(
  quarantine: Quarantine,
  args: readonly string[],
  input?: string,
): Promise<readonly Change[]> {
  const command = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", ...args];
  const result = await quarantine.git(
    command,
    input === undefined ? {} : { input: Buffer.from(input) },
  );
  if (result.code !== 0) throw new GitFailed("diff-tree", result);
  return parseRawDiff(result.stdout);
}

async function tooLarge(
  quarantine: Quarantine,
  changes: readonly Change[],
  limits: PolicyLimits,
): Promise<string | null> {
  const paths = new Map(changes.map(({ newSha, path }) => [newSha, path]));
  const input = Buffer.from([...paths.keys()].map((sha) => `${sha}\n`).join(""));
  const format = "--batch-check=%(objectname) %(objectsize)";
  const sizes = await quarantine.output(["cat-file", format], { input });
  let total = 0;
  for (const line of sizes.split("\n")) {
    const [sha = "", size = "0"] = line.split(" ");
    total += Number(size);
    if (Number(size) > limits.fileBytesMax)
      return `${JSON.stringify(paths.get(sha) ?? sha)} has ${size} bytes; at most ${limits.fileBytesMax} are allowed`;
  }
  return total > limits.totalBytesMax ? `more than ${limits.totalBytesMax} bytes of content` : null;
}

const LINKS_MAX = 200;
const LINK_TARGET_MAX = 4_096;

async function leavingLink(
  quarantine: Quarantine,
  changes: readonly Change[],
): Promise<string | null> {
  const links = changes.filter(({ newMode }) => newMode === "120000");
  if (links.length > LINKS_MAX) return `more than ${LINKS_MAX} symbolic links`;
  for (const { newSha, path } of links) {
    const { stdout } = await quarantine.git(["cat-file", "blob", newSha]);
    const target = stdout.toString("utf8");
    if (stdout.length > LINK_TARGET_MAX || !staysInside(path, target))
      return `${JSON.stringify(path)} is a symbolic link that leads out of the repository`;
  }
  return null;
}
