/**
 * Which agents are installed, and whether they are logged in: by what they say to `--version`, and by whether their own
 * credential files, or keys in the environment, are there. Nothing is sent anywhere, so a credential that was
 * revoked is not noticed; and nothing of a credential is ever part of what is found.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Asked } from "../doctor.ts";
import {
  type Finding,
  type Machine,
  type Named,
  bad,
  good,
  runIn,
  trouble,
  versionIn,
  which,
} from "./check.ts";

/** No agent's file is longer; a longer one is not read. */
const FILE_BYTES_MAX = 1024 * 1024;

interface Known {
  /** Any of these variables is a way to log in. */
  readonly keys: readonly string[];
  /** Files that hold a login, and which of their fields are one. */
  readonly files: (machine: Machine) => readonly LoginFile[];
  /** What to type on the runner. */
  readonly login: string;
}

interface LoginFile {
  readonly path: string;
  readonly holds: (content: string) => boolean;
}

const at = ({ env, home }: Machine, variable: string, otherwise: string): string => {
  const value = env[variable];
  return value === undefined || value === "" ? join(home, otherwise) : value;
};

/** Where each keeps what it needs (read in the programs and seen in their directories). */
const KNOWN: Readonly<Record<string, Known>> = {
  claude: {
    keys: [
      "ANTHROPIC_API_KEY",
      "ANTHROPIC_AUTH_TOKEN",
      "CLAUDE_CODE_OAUTH_TOKEN",
      "CLAUDE_CODE_USE_BEDROCK",
      "CLAUDE_CODE_USE_VERTEX",
    ],
    files: (machine) => [
      {
        path: join(at(machine, "CLAUDE_CONFIG_DIR", ".claude"), ".credentials.json"),
        holds: (content) => has(content, ["claudeAiOauth", "accessToken"]),
      },
      {
        path: join(at(machine, "CLAUDE_CONFIG_DIR", ".claude"), "settings.json"),
        holds: (content) => has(content, ["apiKeyHelper"]) || hasKeyIn(content, "claude"),
      },
      {
        path: join(machine.home, ".claude.json"),
        holds: (content) => has(content, ["primaryApiKey"]),
      },
    ],
    login: "run `claude` there and use /login, or set ANTHROPIC_API_KEY",
  },
  codex: {
    keys: ["OPENAI_API_KEY", "CODEX_API_KEY"],
    files: (machine) => [
      {
        path: join(at(machine, "CODEX_HOME", ".codex"), "auth.json"),
        holds: (content) =>
          has(content, ["tokens", "access_token"]) ||
          has(content, ["tokens", "refresh_token"]) ||
          has(content, ["OPENAI_API_KEY"]),
      },
    ],
    login: "run `codex login` there, or set OPENAI_API_KEY",
  },
  gemini: {
    keys: ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"],
    files: (machine) => [
      {
        path: join(machine.home, ".gemini", "oauth_creds.json"),
        holds: (content) => has(content, ["refresh_token"]) || has(content, ["access_token"]),
      },
      {
        path: join(machine.home, ".gemini", ".env"),
        holds: (content) => /^\s*(?:export\s+)?(?:GEMINI|GOOGLE)_API_KEY=\S/mu.test(content),
      },
    ],
    login: "run `gemini` there and log in, or set GEMINI_API_KEY",
  },
  opencode: {
    keys: ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY"],
    files: (machine) => [
      {
        path: join(at(machine, "XDG_DATA_HOME", ".local/share"), "opencode", "auth.json"),
        holds: (content) => Object.keys(parseJson(content)).length > 0,
      },
    ],
    login: "run `opencode auth login` there",
  },
};

const DEFAULT: NonNullable<Asked["agents"]> = Object.keys(KNOWN).map((name) => ({
  name,
  command: name,
}));

/** No update, no telemetry, no network while they say their version. */
const QUIET = {
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  DISABLE_AUTOUPDATER: "1",
  GEMINI_CLI_NO_RELAUNCH: "true",
  OPENCODE_DISABLE_AUTOUPDATE: "1",
  OPENCODE_DISABLE_MODELS_FETCH: "1",
  OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
  OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
  NO_COLOR: "1",
} as const;

export const agentChecks = (
  machine: Machine,
  agents: Asked["agents"] = DEFAULT,
): readonly Named[] =>
  agents.map(({ name, command, kind = name, given = [] }) => ({
    name: `agent ${name}`,
    required: false,
    find: () => lookFor(machine, { kind, command, given }),
  }));

interface Wanted {
  readonly kind: string;
  readonly command: string;
  /** Names of variables that its sessions get besides those of the machine. */
  readonly given: readonly string[];
}

async function lookFor(machine: Machine, { kind, command, given }: Wanted): Promise<Finding> {
  const path = await which(machine, command);
  if (path === undefined)
    return bad("not found", `install ${command} for ${machine.user}, if sessions shall use it`);
  const [result, login] = await Promise.all([
    runIn(machine, path, ["--version"], QUIET),
    loginOf(machine, kind, given),
  ]);
  const version = versionIn(result.stdout.toString("utf8"));
  if (result.kind !== "exited" || result.code !== 0 || version === "")
    return bad(
      `${path} does not say its version: ${trouble(result, machine.limitMs)}`,
      `run \`${command} --version\` as ${machine.user} and look why`,
    );
  if (login.kind === "unknown") return good(`${version}, login not known`);
  if (login.kind === "in") return good(`${version}, logged in (${login.by})`);
  return bad(`${version}, not logged in`, `as ${machine.user} on the runner: ${login.fix}`);
}

type Login =
  | { readonly kind: "unknown" }
  | { readonly kind: "in"; readonly by: string }
  | { readonly kind: "out"; readonly fix: string };

/** By names only: of variables, of files. */
async function loginOf(machine: Machine, name: string, given: readonly string[]): Promise<Login> {
  const known = Object.hasOwn(KNOWN, name) ? KNOWN[name] : undefined;
  if (known === undefined) return { kind: "unknown" };
  const key = known.keys.find((one) => given.includes(one) || (machine.env[one] ?? "") !== "");
  if (key !== undefined) return { kind: "in", by: key };
  for (const { path, holds } of known.files(machine)) {
    const content = await readShort(path);
    if (content !== undefined && holds(content))
      return { kind: "in", by: path.replace(`${machine.home}/`, "~/") };
  }
  return { kind: "out", fix: known.login };
}

async function readShort(path: string): Promise<string | undefined> {
  try {
    if ((await stat(path)).size > FILE_BYTES_MAX) return undefined;
    return await readFile(path, { encoding: "utf8" });
  } catch {
    // Not there, or not ours to read: then it is no login of this user.
    return undefined;
  }
}

/** Is there a text that is not empty at this place of a JSON file? */
function has(content: string, path: readonly string[]): boolean {
  let value: unknown = parseJson(content);
  for (const name of path) value = Object(value)[name];
  return typeof value === "string" && value !== "";
}

/** `env` of a settings file may carry the same keys as the environment. */
function hasKeyIn(content: string, agent: string): boolean {
  return (KNOWN[agent]?.keys ?? []).some((key) => has(content, ["env", key]));
}

/** An empty object when it is none. */
function parseJson(content: string): object {
  try {
    const value: unknown = JSON.parse(content);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    // Half written, or another format: no login that we know of.
    return {};
  }
}
