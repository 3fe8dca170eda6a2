/**
 * Bare repositories on disk: making them, importing into them, committing files without a checkout, reading refs and
 * files. Plain git; does not know issues, people or events.
 */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { git, gitText } from "./command.ts";

export interface Signature {
  readonly name: string;
  readonly email: string;
  readonly atMs: number;
}

/** Refuses workflow files when the server says that the pusher may not touch them. */
const preReceive = `#!/bin/sh
[ "$EMULATOR_REFUSE_WORKFLOWS" = 1 ] || exit 0
status=0
while read -r old new ref; do
  case "$new" in *[!0]*) ;; *) continue ;; esac
  case "$old" in
    *[!0]*) paths=$(git diff --name-only "$old" "$new" -- .github/workflows) ;;
    *) paths=$(git log --format= --name-only "$new" --not --all -- .github/workflows) ;;
  esac
  for path in $(printf '%s\\n' "$paths" | sort -u | head -n 1); do
    echo "refusing to allow a GitHub App to create or update workflow \\\`$path\\\` without \\\`workflows\\\` permission" >&2
    status=1
  done
done
exit $status
`;

/** Makes an empty bare repository that serves clients the way GitHub's do. */
export async function createBare(directory: string, defaultBranch: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await git(directory, ["init", "--quiet", "--bare", `--initial-branch=${defaultBranch}`, "."]);
  const settings: readonly (readonly [string, string])[] = [
    ["http.receivepack", "true"],
    ["uploadpack.allowAnySHA1InWant", "true"],
    ["uploadpack.allowFilter", "true"],
    ["receive.advertisePushOptions", "true"],
    ["receive.hideRefs", "refs/pull"],
    ["receive.denyDeleteCurrent", "refuse"],
    ["gc.auto", "0"],
    ["core.quotePath", "false"],
  ];
  const config = settings.map(([key, value]) => {
    const [section = "", name = ""] = key.split(".");
    return `[${section}]\n\t${name} = ${value}\n`;
  });
  await writeFile(join(directory, "config"), config.join(""), { flag: "a" });
  const hook = join(directory, "hooks", "pre-receive");
  await mkdir(join(directory, "hooks"), { recursive: true });
  await writeFile(hook, preReceive);
  await chmod(hook, 0o755);
}

/** Copies all branches and tags of the repository at `from` (a path) into a bare one. */
export async function importInto(directory: string, from: string): Promise<void> {
  const refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
  await git(directory, [
    "fetch",
    "--quiet",
    "--update-shallow",
    "--no-write-fetch-head",
    "--",
    from,
    ...refs,
  ]);
}

/** The branch to call default: the one HEAD names, else `main`, `master` or whichever comes first. */
export async function headBranchOf(from: string): Promise<string | undefined> {
  const { code, stdout } = await git(from, ["symbolic-ref", "--quiet", "--short", "HEAD"], {
    codes: [0, 1],
  });
  if (code === 0) return stdout.trim();
  const branches = [...(await readRefs(from)).keys()]
    .filter((ref) => ref.startsWith("refs/heads/"))
    .map((ref) => ref.slice("refs/heads/".length));
  return ["main", "master"].find((name) => branches.includes(name)) ?? branches[0];
}

/** All branches and tags: full name → object id. */
export async function readRefs(directory: string): Promise<Map<string, string>> {
  const format = "--format=%(objectname) %(refname)";
  const text = await gitText(directory, ["for-each-ref", format, "refs/heads", "refs/tags"]);
  const refs = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [sha = "", ref = ""] = line.split(" ");
    if (ref !== "") refs.set(ref, sha);
  }
  return refs;
}

/**
 * Commits files onto a branch in one `git fast-import`, no checkout needed. A `null` content deletes the path; a
 * content that starts with `#!` becomes executable.
 * @returns the id of the new commit
 */
export async function commitFiles(
  directory: string,
  commit: {
    readonly branch: string;
    readonly parent: string | undefined;
    readonly files: Readonly<Record<string, string | null>>;
    readonly message: string;
    readonly author: Signature;
  },
): Promise<string> {
  const { author } = commit;
  const who = `${cleanName(author.name)} <${author.email}> ${Math.floor(author.atMs / 1000)} +0000`;
  const lines = [
    `commit refs/heads/${commit.branch}\n`,
    `author ${who}\ncommitter ${who}\n`,
    data(commit.message),
    commit.parent === undefined ? "" : `from ${commit.parent}\n`,
  ];
  for (const [path, content] of Object.entries(commit.files)) {
    if (content === null) lines.push(`D ${quote(path)}\n`);
    else {
      const mode = content.startsWith("#!") ? "100755" : "100644";
      lines.push(`M ${mode} inline ${quote(path)}\n${data(content)}`);
    }
  }
  await git(directory, ["fast-import", "--quiet", "--date-format=raw", "--force"], {
    input: `${lines.join("")}\ndone\n`,
  });
  return gitText(directory, ["rev-parse", "--verify", `refs/heads/${commit.branch}`]);
}

/** Points a ref at a commit; `undefined` deletes it. */
export async function setRef(
  directory: string,
  ref: string,
  sha: string | undefined,
): Promise<void> {
  const args = sha === undefined ? ["update-ref", "-d", ref] : ["update-ref", ref, sha];
  await git(directory, args);
}

/** The commit that a branch, tag, full ref or (short) id names; undefined when there is none. */
export async function resolveCommit(directory: string, name: string): Promise<string | undefined> {
  if (name === "" || name.startsWith("-") || /[\s^~:?*[\\]|\.\./u.test(name)) return undefined;
  for (const candidate of [`refs/heads/${name}`, `refs/tags/${name}`, name]) {
    const args = ["rev-parse", "--quiet", "--verify", "--end-of-options", `${candidate}^{commit}`];
    const { code, stdout } = await git(directory, args, { codes: [0, 1, 128] });
    if (code === 0) return stdout.trim();
  }
  return undefined;
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}\n`;
}

function quote(path: string): string {
  return `"${path.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

/** Names in commit headers may not hold angle brackets or line ends. */
function cleanName(name: string): string {
  return name.replaceAll(/[<>\n]/gu, "");
}
