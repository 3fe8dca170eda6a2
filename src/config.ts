/**
 * The environment (Probot's standard variables and ours) and one optional file, checked, as `Config`. All
 * problems are told at once, each with the variable, its value unless it is secret, and what is allowed.
 * Reads files; opens, starts and prints nothing.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import * as z from "zod";
import { readPrivateKey } from "./github/jwt.ts";
import { GITHUB_LIMITS, Limits } from "./github/limits.ts";
import { parseYaml } from "./github/yaml-problem.ts";
import {
  defaultDataDir,
  defaultRuntimeDir,
  OPTIONS,
  type Env,
  type Option,
  type OptionName,
} from "./config/options.ts";
import { openCatalog } from "./agents/catalog.ts";
import type { AgentSettings } from "./agents/driver.ts";
import { Agents, chainProblem } from "./config/agents.ts";
import { Ops } from "./config/ops.ts";
import { PromptFiles, readAddition, readPrompts } from "./config/prompts.ts";
import type { Prompts } from "./domain/brief.ts";
import { Placement } from "./config/placement.ts";
import { Timings } from "./config/timings.ts";

export interface Config {
  readonly dataDir: string;
  readonly workRoot: string;
  readonly runtimeDir: string;
  readonly slots: number;
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  readonly github: {
    /** REST: `https://api.github.com` or `https://host/api/v3`. */
    readonly apiUrl: string;
    /** People and git: `https://github.com` or `https://host`. */
    readonly webUrl: string;
    readonly limits: Limits;
    readonly linkHosts: readonly string[];
  };
  /** Socket of the SSH agent; null = there is none. */
  readonly sshAgent: string | null;
  /** Null when it was not asked for: reading commands and the demo do without. */
  readonly app: null | {
    readonly id: number;
    readonly privateKey: string;
    /** One, or two while the secret is changed; none where no webhook is taken. */
    readonly webhookSecrets: readonly string[];
  };
  readonly webhook: {
    readonly host: string;
    readonly port: number;
    readonly path: string;
    readonly proxyUrl: string | null;
    /** `push`: GitHub posts here. `smee`: through a channel. `pull`: we look, and no webhook is taken. */
    readonly ingest: "push" | "smee" | "pull";
  };
  readonly timings: Timings;
  readonly placement: Placement;
  /** Agents by name, besides those that need no configuration. */
  readonly agents: Readonly<Record<string, AgentSettings>>;
  /** Agent of repositories that name none. */
  readonly agent: string;
  /** What agents are told first, by role. */
  readonly prompts: Prompts;
  /** Sessions that may be at work at the same time over everything; null = as many as there are slots. */
  readonly sessionsMax: number | null;
  readonly ops: Ops;
  /** A runner with less room than this has too little; 0 = there is no such thing. */
  readonly diskFloorBytes: number;
  /** The local runner may run as the user that holds the App's key (decision 18). */
  readonly unsafeLocal: boolean;
  readonly production: boolean;
}

export interface ConfigProblem {
  /** The variable or file. */
  readonly name: string;
  readonly message: string;
}

export type ReadConfig =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export interface ReadOptions {
  /** Whether the App's id, key and secret have to be there. */
  readonly app: "required" | "unused";
  /** `--unsafe-local` was given. */
  readonly unsafeLocal?: boolean;
}

export function readConfig(env: Env, options: ReadOptions): ReadConfig {
  const reader = openReader(env);
  const dataDir = resolve(reader.text("dataDir") ?? defaultDataDir(env));
  const github = readGitHub(reader);
  const file = readFile(reader);
  const webhook = readWebhook(reader);
  const config: Config = {
    dataDir,
    workRoot: resolve(reader.text("workRoot") ?? `${dataDir}/work`),
    runtimeDir: reader.parsed("runtimeDir", RuntimeDir) ?? defaultRuntimeDir(env),
    slots: reader.parsed("slots", whole(1, 1_000)) ?? 2,
    logLevel: reader.parsed("logLevel", LogLevel) ?? "info",
    github: { ...github, limits: file.limits },
    app: options.app === "required" ? readApp(reader, webhook.ingest) : null,
    webhook,
    timings: file.timings,
    placement: file.placement,
    agents: file.agents,
    agent: readAgent(reader, file.agents),
    prompts: file.prompts,
    sessionsMax: reader.parsed("sessionsMax", whole(1, 100_000)),
    ops: file.ops,
    diskFloorBytes: (reader.parsed("diskFloor", whole(0, 1_000_000)) ?? 10) * 1e9,
    sshAgent: reader.text("sshAgent") ?? null,
    unsafeLocal:
      (options.unsafeLocal ?? false) || reader.parsed("unsafeLocal", z.enum(["0", "1"])) === "1",
    production: env["NODE_ENV"] === "production",
  };
  const { problems } = reader;
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config };
}

/** The problems as lines for a terminal. */
export const problemLines = (problems: readonly ConfigProblem[]): readonly string[] =>
  problems.map(({ name, message }) => `${name} ${message}`);

const LogLevel = z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]);
const WebhookPath = z.string().regex(/^\/[A-Za-z0-9._~/-]*$/u);
const LoopbackUrl = z.string().regex(/^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?\//u);
const RUNTIME_BYTES_MAX = 60;
const RuntimeDir = z
  .string()
  .transform((path) => resolve(path))
  .refine((path) => Buffer.byteLength(path) <= RUNTIME_BYTES_MAX);
const Host = z.string().regex(/^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/u);

const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/u)
    .transform(Number)
    .pipe(z.int().min(min).max(max));

interface Reader {
  readonly problems: ConfigProblem[];
  /** An empty variable is one that is not set. */
  text(name: OptionName): string | null;
  parsed<T>(name: OptionName, schema: z.ZodType<T>): T | null;
  problem(name: OptionName, message: string): void;
}

function openReader(env: Env): Reader {
  const problems: ConfigProblem[] = [];
  const text = (name: OptionName): string | null => env[OPTIONS[name].name]?.trim() || null;
  return {
    problems,
    text,
    parsed(name, schema) {
      const value = text(name);
      if (value === null) return null;
      const parsed = schema.safeParse(value);
      if (parsed.success) return parsed.data;
      const row: Option = OPTIONS[name];
      const shown = row.secret === true ? "is set, but" : `is ${JSON.stringify(value)}, but`;
      problems.push({ name: row.name, message: `${shown} must be ${row.type}` });
      return null;
    },
    problem(name, message) {
      problems.push({ name: OPTIONS[name].name, message });
    },
  };
}

function readAgent(reader: Reader, agents: Config["agents"]): string {
  const { names } = openCatalog(agents);
  const name = reader.text("agent") ?? "claude";
  if (!names.includes(name))
    reader.problem(
      "agent",
      `is ${JSON.stringify(name)}, but must be one of: ${names.join(", ")} (\`agents\` in ORCHA_CONFIG adds others)`,
    );
  return name;
}

function readGitHub(reader: Reader): Omit<Config["github"], "limits"> {
  const host = reader.parsed("gheHost", Host);
  const protocol = reader.parsed("gheProtocol", z.enum(["https", "http"])) ?? "https";
  const hosts = reader.text("linkHosts")?.split(",") ?? [];
  const webUrl = host === null ? "https://github.com" : `${protocol}://${host}`;
  return {
    webUrl,
    apiUrl: host === null ? "https://api.github.com" : `${webUrl}/api/v3`,
    linkHosts: [new URL(webUrl).host, ...hosts.map((name) => name.trim()).filter(Boolean)],
  };
}

function readWebhook(reader: Reader): Config["webhook"] {
  const proxyUrl = reader.parsed("webhookProxyUrl", z.httpUrl().or(LoopbackUrl)) ?? null;
  const preset = proxyUrl === null ? "push" : "smee";
  const ingest = reader.parsed("ingest", z.enum(["push", "smee", "pull"])) ?? preset;
  if (ingest === "smee" && reader.text("webhookProxyUrl") === null)
    reader.problem("webhookProxyUrl", "is not set: ORCHA_INGEST=smee needs a channel");
  return {
    host: reader.text("host") ?? "127.0.0.1",
    port: reader.parsed("port", whole(0, 65_535)) ?? 3_000,
    path: reader.parsed("webhookPath", WebhookPath) ?? "/api/github/webhooks",
    proxyUrl: ingest === "smee" ? proxyUrl : null,
    ingest,
  };
}

const SECRET_LENGTH_MIN = 8;

function readApp(reader: Reader, ingest: Config["webhook"]["ingest"]): Config["app"] {
  const id = reader.parsed("appId", whole(1, 999_999_999));
  if (reader.text("appId") === null)
    reader.problem("appId", "is not set: it stands in the App's settings on GitHub");
  const webhookSecret = reader.text("webhookSecret");
  if (webhookSecret === null && ingest !== "pull")
    reader.problem(
      "webhookSecret",
      "is not set: choose one and enter it in the App's settings too",
    );
  const webhookSecrets = [webhookSecret, reader.text("webhookSecretOld")].filter(
    (value) => value !== null,
  );
  // Probot falls back to this word: whoever knows Probot could sign.
  if (webhookSecret === "development")
    reader.problem("webhookSecret", "must not be Probot's well-known default");
  for (const name of ["webhookSecret", "webhookSecretOld"] as const)
    reader.parsed(name, z.string().min(SECRET_LENGTH_MIN));
  const privateKey = readKey(reader);
  return id === null || privateKey === null ? null : { id, privateKey, webhookSecrets };
}

function readKey(reader: Reader): string | null {
  const path = reader.text("privateKeyPath");
  const inline = reader.text("privateKey");
  if (path === null && inline === null) {
    reader.problem("privateKeyPath", "is not set: name the .pem file that GitHub gave for the App");
    return null;
  }
  const name = path === null ? "privateKey" : "privateKeyPath";
  try {
    const pem = path === null ? plainKey(inline ?? "") : readFileSync(path, "utf8");
    readPrivateKey(pem);
    return pem;
  } catch (error) {
    reader.problem(name, keyTrouble(error, path));
    return null;
  }
}

/** Probot's forms of PRIVATE_KEY: PEM, PEM with escaped line breaks, base64 of a PEM. */
function plainKey(value: string): string {
  const escaped = value.replaceAll(String.raw`\n`, "\n");
  if (escaped.includes("-----BEGIN")) return escaped;
  return Buffer.from(value, "base64").toString("utf8");
}

function keyTrouble(error: unknown, path: string | null): string {
  if (path === null) return "is set, but is no PEM private key";
  const code = codeOf(error);
  const why = code === null ? "is no PEM private key" : `cannot be read (${code})`;
  return `is ${JSON.stringify(path)}, which ${why}`;
}

const codeOf = (error: unknown): string | null =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;

const File = z.strictObject({
  github: z.strictObject({ limits: Limits.prefault({}) }).prefault({}),
  timings: Timings.prefault({}),
  ops: Ops.prefault({}),
  placement: Placement.prefault({}),
  agents: Agents.prefault({}),
  prompts: PromptFiles.prefault({}),
});

const FILE_KEYS = {
  "": ["github", "timings", "ops", "placement", "agents", "prompts"],
  github: ["limits"],
  "github.limits": Object.keys(Limits.shape),
  timings: Object.keys(Timings.shape),
  ops: Object.keys(Ops.shape),
  placement: Object.keys(Placement.shape),
  prompts: Object.keys(PromptFiles.shape),
};

type FromFile = Pick<Config, "timings" | "ops" | "placement" | "agents" | "prompts"> & {
  readonly limits: Limits;
};

function readFile(reader: Reader): FromFile {
  const presets = {
    limits: GITHUB_LIMITS,
    timings: Timings.parse({}),
    ops: Ops.parse({}),
    placement: Placement.parse({}),
    agents: {},
    prompts: readPrompts(),
  };
  const path = reader.text("configFile");
  if (path === null) return presets;
  try {
    const parsed = parseYaml(readFileSync(path, "utf8"), File, FILE_KEYS);
    if (parsed.ok) {
      const { github, timings, ops, placement } = parsed.value;
      const texts = readTexts(reader, parsed.value, path) ?? presets;
      return { limits: github.limits, timings, ops, placement, ...texts };
    }
    const { line, message } = parsed.problem;
    reader.problem("configFile", `(${path}${line === null ? "" : `, line ${line}`}): ${message}`);
  } catch (error) {
    const why = codeOf(error) ?? "unreadable";
    reader.problem("configFile", `is ${JSON.stringify(path)}, which cannot be read (${why})`);
  }
  return presets;
}

/** What other files hold that the file names; null = there is a problem, and it is told. */
function readTexts(
  reader: Reader,
  { agents, prompts }: z.infer<typeof File>,
  path: string,
): Pick<Config, "agents" | "prompts"> | null {
  const directory = dirname(resolve(path));
  try {
    const chain = chainProblem(agents);
    if (chain !== null) throw new Error(chain);
    const read = Object.entries(agents).map(([name, agent]) => {
      const { prompt } = agent;
      const key = `agents.${name}.prompt`;
      return [
        name,
        { ...agent, prompt: prompt === null ? null : readAddition(prompt, directory, key) },
      ] as const;
    });
    return { agents: Object.fromEntries(read), prompts: readPrompts(prompts, directory) };
  } catch (error) {
    const message = error instanceof Error ? error.message : "cannot be read";
    reader.problem("configFile", `(${path}): ${message}`);
    return null;
  }
}
