/**
 * What agents made and nobody published, kept before a checkout is deleted: a bare repository of ours for each of
 * GitHub's in `<data directory>/backups-git`, one ref for each checkout. Never on GitHub.
 *
 *     refs/orcha/<session>/<n>            its commit, or one on top of it with what was not committed
 *     refs/orcha/<session>/<n>.<sha>      what that ref was before
 *
 * The history ends at the commits that the checkouts started from: those are on GitHub. Kept for a time and up to a
 * size; when that is reached nothing is given up for something newer, and checkouts stay where they are.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { directoryOf, type Repository } from "../domain/repository.ts";
import type { Clock } from "../engine/ports.ts";
import { parseBundle } from "../github/push/bundle.ts";
import { runGit, type GitResult, type GitRun } from "../github/push/git.ts";

export interface GitBackupsOptions {
  readonly directory: string;
  readonly clock: Pick<Clock, "now">;
  /** One git command may take so long. */
  readonly gitMs: number;
  readonly keepMs: number;
  readonly bytesMax: number;
  /** Where a commit can be fetched from and with what; null = nowhere. Throws PortError. */
  readonly upstream: ((repository: Repository) => Promise<Upstream>) | null;
}

export interface Upstream {
  readonly url: string;
  readonly token: string;
  revoke(): Promise<void>;
}

export interface ToKeep {
  readonly repository: Repository;
  readonly session: string;
  readonly ordinal: number;
  /** What the ref is to be. */
  readonly sha: string;
  readonly base: string;
  readonly bundle: Uint8Array;
  /** The base is in the bundle, without its history. */
  readonly whole: boolean;
}

export interface Kept {
  /** The repository on this machine. */
  readonly directory: string;
  readonly ref: string;
  readonly sha: string;
  readonly base: string;
  /** When it was made, ms since the epoch. */
  readonly at: number;
}

export interface GitBackups {
  /** Then a bundle without it is enough. */
  has(repository: Repository, commit: string): Promise<boolean>;
  /** Fetches one commit without its history from upstream. Throws when that cannot be had. */
  fetch(repository: Repository, commit: string): Promise<void>;
  /** Resolves when it is there, checked and on the disk. Throws otherwise. */
  keep(what: ToKeep): Promise<Kept>;
  list(): readonly Kept[];
  /** Removes what is older than it has to be. Returns how many refs. */
  prune(): Promise<number>;
}

const RECORD = "orcha.json";

export function openGitBackups(options: GitBackupsOptions): GitBackups {
  const { directory, clock, keepMs } = options;
  const home = join(directory, ".home");
  let queue: Promise<unknown> = Promise.resolve();
  /** `shallow` and the record have one writer. */
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = queue.then(work);
    queue = mine.catch(() => undefined); // told to whoever asked
    return mine;
  };
  const git = (at: string, args: readonly string[], more: Partial<GitRun> = {}) =>
    runGit({ directory: at, home, args: [...SYNC, ...args], timeoutMs: options.gitMs, ...more });
  const run: Run = async (at, args, more) => {
    const result = await git(at, args, more);
    if (result.code === 0) return result.stdout.toString("utf8").trim();
    throw new Error(`git ${args[0] ?? ""} in ${at}: ${complaint(result)}`);
  };
  const open = async (repository: Repository): Promise<string> => {
    const at = join(directory, `${directoryOf(repository)}.git`);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    mkdirSync(at, { recursive: true, mode: 0o700 });
    await run(at, ["init", "--quiet", "--bare", "--initial-branch=none", "--template="]);
    return at;
  };
  const here = async (at: string, commit: string): Promise<boolean> =>
    (await git(at, ["cat-file", "-e", `${commit}^{commit}`])).code === 0;

  return {
    has: (repository, commit) => alone(async () => here(await open(repository), commit)),
    fetch: (repository, commit) =>
      alone(async () => {
        if (options.upstream === null) throw new Error("there is nowhere to fetch from");
        const upstream = await options.upstream(repository);
        const { url, token } = upstream;
        const credential = { origin: new URL(url).origin, token };
        const spec = `${commit}:refs/orcha-base/${commit}`;
        try {
          const at = await open(repository);
          const args = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head"];
          await run(at, [...args, url, spec], { credential });
        } finally {
          await upstream.revoke();
        }
      }),
    keep: (what) =>
      alone(async () => {
        const size = sizeOf(directory);
        if (size + what.bundle.byteLength > options.bytesMax)
          throw new Error(
            `the backups in ${directory} take ${size} bytes, and ${options.bytesMax} are allowed (ops.gitBackupsBytesMax)`,
          );
        const at = await open(what.repository);
        await take(run, at, what);
        return record(run, at, what, clock.now());
      }),
    list: () => repositoriesIn(directory).flatMap((at) => readRecord(at)),
    prune: () =>
      alone(async () => {
        let removed = 0;
        for (const at of repositoriesIn(directory))
          removed += await pruneOne(run, at, { now: clock.now(), keepMs });
        return removed;
      }),
  };
}

type Run = (at: string, args: readonly string[], more?: Partial<GitRun>) => Promise<string>;

/** The checkout is deleted right after: it has to be on the disk. */
const SYNC = ["-c", "core.fsync=all"];

const complaint = ({ stderr, timedOut }: GitResult): string =>
  timedOut ? "timed out" : stderr.trim().split("\n").slice(-3).join("; ").slice(0, 400);

/** Objects are checked as they come in; then everything the commit needs has to be there. */
async function take(run: Run, at: string, { sha, base, bundle, whole }: ToKeep): Promise<void> {
  const parsed = parseBundle(bundle);
  if (!parsed.ok) throw new Error(parsed.reason);
  if (!parsed.bundle.heads.includes(sha)) throw new Error(`the bundle does not hold ${sha}`);
  if (whole) addShallow(at, base);
  await run(at, ["index-pack", "--stdin", "--fix-thin", "--strict"], { input: parsed.bundle.pack });
  await run(at, ["rev-list", "--objects", "--quiet", sha]);
}

async function record(
  run: Run,
  at: string,
  { session, ordinal, sha, base }: ToKeep,
  now: number,
): Promise<Kept> {
  const ref = `refs/orcha/${session}/${ordinal}`;
  const before = await run(at, ["for-each-ref", "--format=%(objectname)", ref]);
  const kept = readRecord(at).filter((one) => one.ref !== ref || one.sha !== sha);
  const mine: Kept = { directory: at, ref, sha, base, at: now };
  const older = kept.find((one) => one.ref === ref);
  const moved = `${ref}.${before.slice(0, 10)}`;
  if (before !== "" && before !== sha) await run(at, ["update-ref", moved, before]);
  await run(at, ["update-ref", ref, sha]);
  if ((await run(at, ["rev-parse", "--verify", `${ref}^{commit}`])) !== sha)
    throw new Error(`${ref} in ${at} is not ${sha}`);
  const rest = kept.filter((one) => one !== older);
  writeRecord(at, [...rest, ...(older === undefined ? [] : [{ ...older, ref: moved }]), mine]);
  return mine;
}

/** What a crash left without a record is as old as now. */
async function pruneOne(
  run: Run,
  at: string,
  { now, keepMs }: { readonly now: number; readonly keepMs: number },
): Promise<number> {
  const listed = await run(at, [
    "for-each-ref",
    "--format=%(refname) %(objectname)",
    "refs/orcha/",
  ]);
  const records = new Map(readRecord(at).map((one) => [one.ref, one]));
  const all = listed
    .split("\n")
    .filter(Boolean)
    .map((line): Kept => {
      const [ref = "", sha = ""] = line.split(" ");
      return records.get(ref) ?? { directory: at, ref, sha, base: sha, at: now };
    });
  const old = all.filter((one) => one.at + keepMs < now);
  for (const { ref } of old) await run(at, ["update-ref", "-d", ref]);
  const left = all.filter((one) => !old.includes(one));
  writeRecord(at, left);
  if (old.length === 0) return 0;
  if (left.length === 0) rmSync(at, { recursive: true, force: true, maxRetries: 3 });
  else await run(at, ["gc", "--quiet", "--prune=now"]);
  return old.length;
}

function addShallow(at: string, commit: string): void {
  const path = join(at, "shallow");
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
  if (!lines.includes(commit)) writeWhole(path, [...lines, commit, ""].join("\n"));
}

/** Ours alone, written as a whole; one that is not to be read has forgotten only when they were made. */
function readRecord(at: string): readonly Kept[] {
  try {
    const found: unknown = JSON.parse(readFileSync(join(at, RECORD), "utf8"));
    return Array.isArray(found)
      ? found
          .filter(isKept)
          .map(({ ref, sha, base, at: when }) => ({ directory: at, ref, sha, base, at: when }))
      : [];
  } catch {
    return [];
  }
}

function isKept(value: unknown): value is Kept {
  if (typeof value !== "object" || value === null) return false;
  const field = (name: string): unknown => Reflect.get(value, name);
  return (
    ["ref", "sha", "base"].every((name) => typeof field(name) === "string") &&
    typeof field("at") === "number"
  );
}

const writeRecord = (at: string, kept: readonly Kept[]): void =>
  writeWhole(join(at, RECORD), `${JSON.stringify(kept, null, 1)}\n`);

function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
}

const repositoriesIn = (directory: string): readonly string[] =>
  existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => name.endsWith(".git"))
        .map((name) => join(directory, name))
    : [];

function sizeOf(directory: string): number {
  if (!existsSync(directory)) return 0;
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(
      (entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0,
    )
    .reduce((sum, size) => sum + size, 0);
}
