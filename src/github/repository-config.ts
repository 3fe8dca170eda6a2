/** `.github/orcha.yml` (decision 29): YAML to a RepositoryConfig, or one problem that names the line. */
import * as z from "zod";
import { PROMPT_MAX } from "../domain/brief.ts";
import { DEFAULT_CONFIG, type RepositoryConfig } from "../domain/repository.ts";
import { parseYaml, type YamlProblem } from "./yaml-problem.ts";

export const CONFIG_PATH = ".github/orcha.yml";

export type ParsedConfig =
  | { readonly ok: true; readonly config: RepositoryConfig }
  | { readonly ok: false; readonly problem: YamlProblem };

/** Where the last good version of a repository's file is kept (src/store). */
export interface RepositoryConfigs {
  get(
    repository: number,
  ): Promise<{ readonly sha: string; readonly config: RepositoryConfig } | null>;
  put(repository: number, sha: string, config: RepositoryConfig): Promise<void>;
  /** Names of the agents that this server has; missing = whatever the file says. */
  readonly agents?: readonly string[];
  /** Who works where the file names nobody; missing = `script`. */
  readonly agent?: string;
}

const words = z.string().trim().min(1).max(100);

const DIRECTORIES_MAX = 50;
const DIRECTORY =
  "must be a directory of the repository, such as `packages/api`: from its top, without `..`, wildcards, quotes and backslashes";

/** What `git sparse-checkout` takes literally in cone mode. */
const directory = z
  .string()
  .max(200)
  .regex(/^(?![/!#-])(?!.*(?:^|\/)\.{0,2}(?:\/|$))[^\p{Cc}\\"*?[\]]+$/u, DIRECTORY);
/** As `orcha runner add --label` takes them: no comma, no space. */
const RUNNER_LABEL = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/u;

const agent = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,40}$/u, "must be an agent's name, such as `script`");

/** Said to agents as it is: braces mean nothing here. */
const prompt = z.string().trim().min(1).max(PROMPT_MAX).exactOptional();

const File = z.strictObject({
  label: words.max(50).default(DEFAULT_CONFIG.label),
  agent: agent.exactOptional(),
  setup: z
    .array(z.string().min(1).max(2_000))
    .max(20)
    .default([...DEFAULT_CONFIG.setup]),
  pr: z
    .strictObject({
      draft: z.enum(["until-reported", "always"]).default(DEFAULT_CONFIG.pr.draft),
    })
    .prefault({}),
  on_done: z.enum(["close", "keep-open"]).default(DEFAULT_CONFIG.onDone),
  limits: z
    .strictObject({
      workers: z.int().min(1).max(50).default(DEFAULT_CONFIG.limits.workers),
      sessions: z.int().min(1).max(1_000).exactOptional(),
    })
    .prefault({}),
  workspace: z
    .strictObject({
      sparse: z.array(directory).max(DIRECTORIES_MAX).default([]),
      partial: z
        .boolean()
        .refine(
          (wanted) => !wanted,
          "must be false: a partial clone fetches later, with a credential that agents must not have; `sparse` is what makes a large repository quick",
        )
        .default(false),
    })
    .prefault({}),
  runner: z
    .strictObject({ labels: z.array(z.string().regex(RUNNER_LABEL)).max(16).default([]) })
    .exactOptional(),
  agents: z
    .strictObject({
      manager: agent.exactOptional(),
      worker: agent.exactOptional(),
      reviewer: agent.exactOptional(),
    })
    .exactOptional(),
  prompts: z
    .strictObject({ manager: prompt, worker: prompt, "follow-up": prompt, reviewer: prompt })
    .exactOptional(),
});

const KEYS = {
  "": Object.keys(File.shape),
  pr: ["draft"],
  workspace: ["sparse", "partial"],
  limits: ["workers", "sessions"],
  runner: ["labels"],
  agents: ["manager", "worker", "reviewer"],
  prompts: ["manager", "worker", "follow-up", "reviewer"],
} as const;

/** Agents that this server has not are a mistake like any other. */
const knowing = (agents: readonly string[]) =>
  File.superRefine((file, context) => {
    const named = [
      { path: ["agent"], input: file.agent },
      ...Object.entries(file.agents ?? {}).map(([role, input]) => ({
        path: ["agents", role],
        input,
      })),
    ];
    for (const { path, input } of named)
      if (input !== undefined && !agents.includes(input))
        context.addIssue({
          code: "custom",
          path,
          input,
          message: `must be one of the agents of this server: ${agents.join(", ")} (\`agents\` of its configuration file adds others)`,
        });
  });

/** An empty file is a good one: everything has a default. `there`: the agents that there are; missing = any name is good. */
export function parseRepositoryConfig(
  text: string,
  there?: readonly string[],
  otherwise = DEFAULT_CONFIG.agent,
): ParsedConfig {
  const parsed = parseYaml(text, there === undefined ? File : knowing(there), KEYS);
  if (!parsed.ok) return parsed;
  const { on_done: onDone, workspace, runner, agents, prompts, ...rest } = parsed.value;
  const { sparse } = workspace;
  const more = {
    ...(sparse.length === 0 ? {} : { workspace: { sparse } }),
    ...(runner === undefined ? {} : { runner }),
    ...(agents === undefined ? {} : { agents }),
    ...(prompts === undefined ? {} : { prompts }),
  };
  const { label, agent: by = otherwise, setup, pr, limits } = rest;
  return { ok: true, config: { label, agent: by, setup, pr, onDone, limits, ...more } };
}
