/**
 * Git as the daemon runs it: no configuration but the repository's own, no prompt, no protocol but the one
 * of the URL, the credential by file descriptor 3 only and only for the host it is meant for.
 *
 * Once an agent has run in a checkout its configuration is hostile: then only export.ts may run git there.
 */
import type { AttemptSpec, Request } from "../../src/protocol/requests.ts";
import { PrepareError, type PrepareStage } from "./errors.ts";
import { type RunResult, baseEnv, run } from "./run.ts";

export type Credential = NonNullable<Extract<Request, { op: "start" }>["credential"]>;
export type CheckoutSpec = Extract<AttemptSpec["workspace"], { kind: "checkout" }>;

/** A big repository over a slow line; a dead line is noticed much earlier by `http.lowSpeed*`. */
const FETCH_TIMEOUT_MS = 30 * 60_000;
const LOCAL_TIMEOUT_MS = 10 * 60_000;

export interface Git {
  readonly home: string;
  readonly signal: AbortSignal;
}

export interface GitCall {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly stage: PrepareStage;
  /** Set for the commands that talk to upstream. */
  readonly remote?: { readonly url: string; readonly credential: Credential | null };
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** File that is held locked (`flock`) while the command runs, over daemons too. */
  readonly lock?: string;
}

/** Runs git; throws PrepareError with a reason for people when it fails. */
export async function git({ home, signal }: Git, call: GitCall): Promise<Buffer> {
  const { remote } = call;
  const args = [...(remote === undefined ? [] : remoteOptions(remote)), ...call.args];
  const [program = "git", ...rest] =
    call.lock === undefined ? ["git", ...args] : ["flock", call.lock, "git", ...args];
  const credential = remote?.credential ?? null;
  const result = await run(program, rest, {
    cwd: call.cwd,
    env: { ...gitEnv(home, remote?.url), ...call.env },
    timeoutMs: remote === undefined ? LOCAL_TIMEOUT_MS : FETCH_TIMEOUT_MS,
    signal,
    ...(credential === null ? {} : { secret: credentialText(credential) }),
    ...(call.stdin === undefined ? {} : { stdin: call.stdin }),
  });
  // `git checkout` says success when it could not write every file (measured with a full disk).
  const complained = call.stage === "checkout" && /^error: /mu.test(result.stderr);
  if (result.kind === "exited" && result.code === 0 && !complained) return result.stdout;
  throw failure(call, result);
}

/** Throws PrepareError for URLs that git would do other things with than fetch. */
export function checkUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const protocols = ["https:", "http:", "file:"];
  // URLs lose their line breaks where they are parsed, and nowhere else.
  if (parsed === undefined || !protocols.includes(parsed.protocol) || /\p{Cc}/u.test(url))
    throw new PrepareError(
      "fetch",
      `cannot fetch from ${url}: only https, http and file URLs on one line`,
      false,
    );
  if (parsed.username !== "" || parsed.password !== "")
    throw new PrepareError("fetch", "the URL of upstream carries a user name or password", false);
}

/** Environment of every git command. Without a URL no protocol at all is allowed. */
export function gitEnv(home: string, url?: string): Record<string, string> {
  return {
    ...baseEnv(home),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ALLOW_PROTOCOL: url === undefined ? "none" : new URL(url).protocol.slice(0, -1),
    GIT_NO_LAZY_FETCH: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_ADVICE: "0",
    GIT_LFS_SKIP_SMUDGE: "1",
  };
}

function remoteOptions({ url, credential }: NonNullable<GitCall["remote"]>): string[] {
  const options = ["-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60"];
  if (credential === null) return options;
  // Bound to the origin: a redirect to another host does not get it.
  const helper = `credential.${new URL(url).origin}.helper`;
  const read = '!f() { test "$1" = get && cat <&3; }; f';
  return [...options, "-c", "credential.helper=", "-c", `${helper}=${read}`];
}

function credentialText({ username, password }: Credential): string {
  if (/[\n\0]/u.test(username + password))
    throw new PrepareError("fetch", "the credential contains a line break", false);
  return `username=${username}\npassword=${password}\n`;
}

export const NO_BRANCH = "the branch does not exist upstream";

/** What git says, what it means, and whether trying again can help. First match wins. */
const CAUSES: readonly (readonly [pattern: RegExp, meaning: string, retry: boolean])[] = [
  [/No space left on device/u, "the disk of the runner is full: free some space", true],
  [
    /unable to (?:write|create) file/u,
    "the disk of the runner is full or cannot be written: free some space",
    true,
  ],
  [/couldn't find remote ref/u, NO_BRANCH, false],
  [
    /Repository not found|repository '.*' not found/u,
    "upstream says that there is no such repository",
    false,
  ],
  [/does not appear to be a git repository/u, "there is no repository at that address", false],
  [
    /Authentication failed|could not read Username|error: 40[13]/u,
    "upstream refused the credential",
    true,
  ],
  [/Could not resolve host/u, "the name of upstream's host cannot be resolved", true],
  [/Connection refused|Failed to connect|timed out/u, "upstream cannot be reached", true],
];

function failure(call: GitCall, result: RunResult): PrepareError {
  const where = call.remote === undefined ? "" : ` ${call.remote.url}`;
  const command = `git ${call.args[0] ?? ""}${where}`;
  if (result.kind === "not-started")
    return new PrepareError(
      call.stage,
      `git cannot be started on this runner (${result.stderr}): install git 2.39 or newer and flock, in the PATH of the runner`,
      false,
    );
  if (result.kind === "timed-out")
    return new PrepareError(call.stage, `${command} did not end in time`, true);
  if (result.kind !== "exited")
    return new PrepareError(call.stage, `${command} was ended (${result.kind})`, true);
  const cause = CAUSES.find(([pattern]) => pattern.test(result.stderr));
  const said = result.stderr.trim().split("\n").slice(-3).join(" / ").slice(0, 600);
  const meaning = cause === undefined ? "" : ` ${cause[1]}:`;
  const damage = cause === undefined && saysDamage(result.stderr);
  const reason = `${command} failed:${meaning} ${said}`;
  return new PrepareError(call.stage, reason, cause?.[2] ?? true, { damage });
}

/** What git says of a repository whose files are missing or changed. */
const DAMAGE = [
  /^(?:fatal|error): (?:not a git repository|unexpected line in|bad (?:object|tree object|config))/mu,
  /cannot read object|invalid object|unable to (?:read|find|parse|normalize alternate object path)|could not read [0-9a-f]{40}/iu,
  /missing (?:blob|tree|commit|object)|did not send all necessary objects|unresolved delta/u,
  /corrupt|inflate|hash mismatch|garbage at end|packfile .* (?:cannot|does not|claims)|not a GIT packfile/iu,
  /is (?:empty|too small)|non-monotonic index|wrong index|does not point to a valid object|broken ref/u,
] as const;

/** About a repository of ours: what upstream says of its own is not for us to heal. */
function saysDamage(stderr: string): boolean {
  const ours = stderr
    .split("\n")
    .filter((line) => !line.startsWith("remote:"))
    .join("\n");
  if (/on the remote side|upload-pack/u.test(stderr)) return false;
  return DAMAGE.some((pattern) => pattern.test(ours));
}
