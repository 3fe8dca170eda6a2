/** A runner's checkout as the push gate's tests need it: real git, and histories git would not let one make. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Exported {
  readonly head: string;
  readonly base: string;
  readonly bundle: Buffer;
}

export interface Checkout {
  readonly path: string;
  /** A directory for the gate's own use. */
  readonly scratch: string;
  readonly base: string;
  /** Commits files (null removes one). Returns the commit's id. */
  commit(files: Readonly<Record<string, string | null>>): Promise<string>;
  /** Commits one tree entry as given, e.g. `120000 blob`; content null = a commit id. */
  commitEntry(entry: string, path: string, content: string | null): Promise<string>;
  export(): Promise<Exported>;
  /** The same, but its pack leaves out one file's content, because the base's history holds it. */
  exportWithout(content: string): Promise<Exported>;
  /** A commit without parents, bundled as if it came from the base. */
  orphan(): Promise<Exported>;
  remoteHead(branch: string): Promise<string | null>;
  remoteParents(branch: string): Promise<readonly string[]>;
  remoteFiles(branch: string): Promise<readonly string[]>;
  /**
   * A folder for PATH whose `git` writes down its arguments, its environment and all files of its quarantine
   * before it becomes the real one.
   */
  spy(): Promise<{ readonly path: string; seen(): Promise<string> }>;
  remove(): Promise<void>;
}

// oxlint-disable-next-line eslint/max-lines-per-function -- one object over one closure: splitting would only pass `git` around
export async function openCheckout(url: string, token: string): Promise<Checkout> {
  const root = await mkdtemp(join(tmpdir(), "orcha-push-"));
  const path = join(root, "checkout");
  const scratch = join(root, "data");
  await mkdir(scratch);
  const authorization = `Authorization: Basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
  const git = async (args: readonly string[], input?: string): Promise<string> => {
    const running = run("git", ["-c", `http.extraHeader=${authorization}`, ...args], {
      cwd: args[0] === "clone" ? root : path,
      maxBuffer: 64 * 1024 * 1024,
      env: {
        PATH: process.env["PATH"],
        HOME: root,
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_AUTHOR_NAME: "Agent",
        GIT_AUTHOR_EMAIL: "agent@example.com",
        GIT_COMMITTER_NAME: "Agent",
        GIT_COMMITTER_EMAIL: "agent@example.com",
      },
    });
    running.child.stdin?.on("error", () => undefined); // git ended first; its exit code tells
    running.child.stdin?.end(input ?? "");
    return (await running).stdout.trim();
  };
  await git(["clone", "--quiet", url, path]);
  const base = await git(["rev-parse", "HEAD"]);
  const bundle = async (head: string, spec: readonly string[]): Promise<Exported> => {
    await git(["update-ref", "refs/heads/export", head]);
    const file = join(root, "export.bundle");
    await git(["bundle", "create", "--quiet", file, "refs/heads/export", ...spec]);
    return { head, base, bundle: await readFile(file) };
  };
  /** The tree entries at one level, replaced and written, from the innermost folder out. */
  const withEntry = async (
    entry: string,
    parts: readonly string[],
    sha: string,
  ): Promise<string> => {
    const [name = "", ...rest] = parts;
    if (rest.length === 0) return git(["mktree", "-z"], `${entry} ${sha}\t${name}\0`);
    const inner = await withEntry(entry, rest, sha);
    return git(["mktree", "-z"], `040000 tree ${inner}\t${name}\0`);
  };
  return {
    path,
    scratch,
    base,
    async commit(files) {
      for (const [name, content] of Object.entries(files)) {
        const file = join(path, name);
        await mkdir(dirname(file), { recursive: true });
        if (content === null) await rm(file);
        else await writeFile(file, content);
      }
      await git(["add", "--all", "--force"]);
      await git(["commit", "--quiet", "--message", "work"]);
      return git(["rev-parse", "HEAD"]);
    },
    async commitEntry(entry, name, content) {
      const sha = content === null ? base : await git(["hash-object", "-w", "--stdin"], content);
      const added = await withEntry(entry, name.split("/"), sha);
      const [line = ""] = (await git(["ls-tree", "-z", added])).split("\0");
      const before = await git(["ls-tree", "-z", "HEAD"]);
      const tree = await git(["mktree", "-z"], `${before}${line}\0`);
      const commit = await git(["commit-tree", tree, "-p", "HEAD", "-m", "smuggle"]);
      await git(["update-ref", "HEAD", commit]);
      await git(["read-tree", "HEAD"]).catch(() => undefined); // git itself refuses some of these trees
      await git(["checkout-index", "--all", "--force", "--quiet"]).catch(() => undefined); // the same
      return commit;
    },
    async export() {
      const head = await git(["rev-parse", "HEAD"]);
      if (head === base) return { head, base, bundle: Buffer.alloc(0) };
      return bundle(head, [`^${base}`]);
    },
    async exportWithout(content) {
      const head = await git(["rev-parse", "HEAD"]);
      const left = await git(["hash-object", "--stdin"], content);
      const all = await git(["rev-list", "--objects", head, `^${base}`]);
      const objects = all.split("\n").filter((line) => !line.startsWith(left));
      const packing = run("git", ["pack-objects", "--quiet", "--stdout"], {
        cwd: path,
        encoding: "buffer",
      });
      packing.child.stdin?.end(`${objects.join("\n")}\n`);
      const header = `# v2 git bundle\n-${base} base\n${head} refs/heads/export\n\n`;
      const pack = (await packing).stdout;
      return { head, base, bundle: Buffer.concat([Buffer.from(header), pack]) };
    },
    async orphan() {
      const tree = await git(["rev-parse", "HEAD^{tree}"]);
      return bundle(await git(["commit-tree", tree, "-m", "orphan"]), []);
    },
    async remoteHead(branch) {
      const line = await git(["ls-remote", url, `refs/heads/${branch}`]);
      return line === "" ? null : line.slice(0, 40);
    },
    async remoteParents(branch) {
      await git(["fetch", "--quiet", url, branch]);
      return (await git(["rev-parse", "FETCH_HEAD^@"])).split("\n");
    },
    async remoteFiles(branch) {
      await git(["fetch", "--quiet", url, branch]);
      return (await git(["ls-tree", "-r", "--name-only", "FETCH_HEAD"])).split("\n");
    },
    async spy() {
      const folder = join(root, "spy");
      const log = join(root, "spy.log");
      await mkdir(folder);
      const real = (await run("sh", ["-c", "command -v git"])).stdout.trim();
      const script = [
        "#!/bin/sh",
        `{ printf '%s\\n' "$@"; env; find "$HOME/.." -type f -exec cat {} +; } >> '${log}'`,
        `exec '${real}' "$@"`,
      ];
      await writeFile(join(folder, "git"), `${script.join("\n")}\n`, { mode: 0o755 });
      return { path: folder, seen: () => readFile(log, "latin1") };
    },
    remove: () => rm(root, { recursive: true, force: true, maxRetries: 5 }),
  };
}
