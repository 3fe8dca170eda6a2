/** `.github/orcha.yml` (decision 29): YAML to a RepositoryConfig, or one problem that names the line. */
import * as z from "zod";
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

const File = z.strictObject({
  label: words.max(50).default(DEFAULT_CONFIG.label),
  agent: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,40}$/u, "must be an agent's name, such as `script`")
    .default(DEFAULT_CONFIG.agent),
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
});

const KEYS = {
  "": Object.keys(File.shape),
  pr: ["draft"],
  workspace: ["sparse", "partial"],
  limits: ["workers", "sessions"],
  runner: ["labels"],
} as const;

/** An empty file is a good one: everything has a default. */
export function parseRepositoryConfig(text: string): ParsedConfig {
  const parsed = parseYaml(text, File, KEYS);
  if (!parsed.ok) return parsed;
  const { label, agent, setup, pr, on_done: onDone, limits, workspace, runner } = parsed.value;
  const { sparse } = workspace;
  const more = {
    ...(sparse.length === 0 ? {} : { workspace: { sparse } }),
    ...(runner === undefined ? {} : { runner }),
  };
  return { ok: true, config: { label, agent, setup, pr, onDone, limits, ...more } };
}
