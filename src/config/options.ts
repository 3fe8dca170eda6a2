/**
 * Every setting as one row: the environment variable, what it may be, its default, what it is for. The
 * README's table is generated from this, so a setting that is not here does not exist.
 */
import { homedir, userInfo } from "node:os";
import { join } from "node:path";

export interface Option {
  readonly name: string;
  /** What a person may set it to, as in "must be …". */
  readonly type: string;
  /** As the table shows it; null = none. */
  readonly default: string | null;
  readonly description: string;
  /** Its value is never printed. */
  readonly secret?: true;
}

/** Ordered as the README shows them: Probot's own first. */
export const OPTIONS = {
  appId: option("APP_ID", "a positive whole number", null, "The GitHub App's id."),
  privateKey: secret(
    "PRIVATE_KEY",
    "a PEM private key, with line breaks or `\\n`, or base64 of it",
    "The App's private key. Prefer `PRIVATE_KEY_PATH`: a file is not inherited by other programs.",
  ),
  privateKeyPath: option(
    "PRIVATE_KEY_PATH",
    "the path of a PEM file",
    null,
    "File with the App's private key.",
  ),
  webhookSecret: secret(
    "WEBHOOK_SECRET",
    "a text of at least 8 characters",
    "The webhook's secret, the same as in the App's settings. There is no default.",
  ),
  webhookSecretOld: secret(
    "WEBHOOK_SECRET_OLD",
    "a text of at least 8 characters",
    "The previous secret, accepted too while it is being changed.",
  ),
  gheHost: option(
    "GHE_HOST",
    "a host name, with a port if needed",
    null,
    "GitHub Enterprise Server, or an emulator. Default: github.com.",
  ),
  gheProtocol: option("GHE_PROTOCOL", "`https` or `http`", "https", "How `GHE_HOST` is reached."),
  host: option("HOST", "an address to listen on", "127.0.0.1", "Where the webhook server listens."),
  port: option("PORT", "a port from 0 to 65535", "3000", "Its port; 0 takes a free one."),
  webhookPath: option(
    "WEBHOOK_PATH",
    "a path beginning with `/`",
    "/api/github/webhooks",
    "The webhook's path.",
  ),
  ingest: option(
    "ORCHA_INGEST",
    "one of: push, smee, pull",
    "push, or smee with WEBHOOK_PROXY_URL",
    "Webhooks come here, or through smee.io, or are not needed: with `pull` we look ourselves.",
  ),
  webhookProxyUrl: option(
    "WEBHOOK_PROXY_URL",
    "an http(s) address",
    null,
    "A smee.io channel that forwards webhooks here. For development only: it loses and reads them.",
  ),
  logLevel: option(
    "LOG_LEVEL",
    "one of: trace, debug, info, warn, error, fatal, silent",
    "info",
    "How much is logged.",
  ),
  dataDir: option(
    "ORCHA_DATA_DIR",
    "a path",
    "~/.local/share/orcha",
    "Database, transcripts and keys. Private to the user; back it up.",
  ),
  workRoot: option(
    "ORCHA_WORK_ROOT",
    "a path",
    "<data directory>/work",
    "Where the local runner keeps its checkouts.",
  ),
  slots: option(
    "ORCHA_SLOTS",
    "a whole number from 1 to 1000",
    "2",
    "How many sessions the local runner runs at the same time.",
  ),
  diskFloor: option(
    "ORCHA_DISK_FLOOR",
    "a whole number of GB",
    "10",
    "A runner with less room on its disk is said to have too little, and what is spent goes there at once; 0 = never.",
  ),
  sessionsMax: option(
    "ORCHA_SESSIONS_MAX",
    "a whole number from 1 to 100000",
    null,
    "How many sessions run at the same time over all runners. Default: as many as there are slots.",
  ),
  agent: option(
    "ORCHA_AGENT",
    "the name of an agent (`orcha agents`)",
    "claude",
    "Agent of repositories whose `.github/orcha.yml` names none.",
  ),
  runtimeDir: option(
    "ORCHA_RUNTIME_DIR",
    "a path of at most 60 bytes",
    "$XDG_RUNTIME_DIR/orcha or /tmp/orcha-<uid>",
    "Sockets. Short, because socket paths are limited to 107 bytes.",
  ),
  sshAgent: option(
    "SSH_AUTH_SOCK",
    "the path of a socket",
    null,
    "The SSH agent whose keys open runners' machines that have no identity file of their own.",
  ),
  configFile: option(
    "ORCHA_CONFIG",
    "the path of a YAML file",
    null,
    "File with the records `github.limits`, `timings`, `ops`, `placement`, `agents` and `prompts`.",
  ),
  linkHosts: option(
    "ORCHA_LINK_HOSTS",
    "host names separated by commas",
    "GitHub's own host",
    "Hosts that links in agents' texts may lead to; other addresses are shown as text.",
  ),
  unsafeLocal: option(
    "ORCHA_UNSAFE_LOCAL",
    "`1` or `0`",
    "0",
    "Lets the local runner run agents as the user that holds the App's key. Said on every pull request.",
  ),
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof OPTIONS;

/** The table of all settings as Markdown, for the README. */
export function configTable(): string {
  const rows = Object.values(OPTIONS).map((row: Option) =>
    [
      `\`${row.name}\``,
      row.type,
      row.default === null ? "–" : `\`${row.default}\``,
      row.description,
    ]
      .map((cell) => cell.replaceAll("|", String.raw`\|`))
      .join(" | "),
  );
  const head = ["Variable | Value | Default | What it is for", "--- | --- | --- | ---"];
  return [...head, ...rows].map((row) => `| ${row} |`).join("\n");
}

export const defaultDataDir = (env: Env): string =>
  join(env["XDG_DATA_HOME"] || join(homedir(), ".local", "share"), "orcha");

export const defaultRuntimeDir = (env: Env): string => {
  const base = env["XDG_RUNTIME_DIR"];
  return base === undefined || base === "" ? `/tmp/orcha-${userInfo().uid}` : join(base, "orcha");
};

export type Env = Readonly<Record<string, string | undefined>>;

function option(name: string, type: string, preset: string | null, description: string): Option {
  return { name, type, default: preset, description };
}

function secret(name: string, type: string, description: string): Option {
  return { name, type, default: null, description, secret: true };
}
