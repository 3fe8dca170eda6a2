/** `.github/orcha.yml` of the default branch, and the last good version while it is broken. */
import type { ConfigFact } from "../domain/facts.ts";
import { DEFAULT_CONFIG, type Repository, type RepositoryConfig } from "../domain/repository.ts";
import { at, orNull, type Calls } from "./calls.ts";
import { CONFIG_PATH, parseRepositoryConfig, type RepositoryConfigs } from "./repository-config.ts";

/** Two conditional requests: unchanged answers cost no quota. Throws PortError. */
export async function readConfig(
  calls: Calls,
  configs: RepositoryConfigs,
  repository: Repository,
): Promise<ConfigFact | null> {
  const found = await orNull(
    calls.read(repository, "facts", async (client) => {
      const { data } = await client.request("GET /repos/{owner}/{repo}", at(repository));
      return Number(data.id) === repository.id ? data : null;
    }),
  );
  if (found === null) return null;
  const defaultBranch = found.default_branch;
  const file = await readFile(calls, repository, defaultBranch);
  const otherwise = { ...DEFAULT_CONFIG, agent: configs.agent ?? DEFAULT_CONFIG.agent };
  if (file === null) return { config: otherwise, problem: null, defaultBranch };
  // What was read under another default is read again.
  const version = `${file.sha} ${otherwise.agent}`;
  const last = await configs.get(repository.id);
  if (last?.sha === version && hasAgents(last.config, configs.agents))
    return { config: last.config, problem: null, defaultBranch };
  const parsed =
    file.text === null
      ? NOT_A_FILE
      : parseRepositoryConfig(file.text, configs.agents, otherwise.agent);
  if (parsed.ok) {
    await configs.put(repository.id, version, parsed.config);
    return { config: parsed.config, problem: null, defaultBranch };
  }
  const problem = { sha: file.sha, ...parsed.problem };
  return { config: last?.config ?? otherwise, problem, defaultBranch };
}

/** The configuration of the server may have lost an agent since. */
const hasAgents = (
  { agent, agents = {} }: RepositoryConfig,
  there: readonly string[] | undefined,
): boolean =>
  there === undefined || [agent, ...Object.values(agents)].every((name) => there.includes(name));

const NOT_A_FILE = {
  ok: false,
  problem: { line: null, message: `${CONFIG_PATH} is not a regular file of at most 1 MB` },
} as const;

/** `text` is null when there is something, but no file that can be read. */
async function readFile(
  calls: Calls,
  repository: Repository,
  branch: string,
): Promise<{ readonly sha: string; readonly text: string | null } | null> {
  const data = await orNull(
    calls.read(repository, "facts", async (client) => {
      const route = "GET /repos/{owner}/{repo}/contents/{path}";
      return (await client.request(route, { ...at(repository), path: CONFIG_PATH, ref: branch }))
        .data;
    }),
  );
  if (data === null) return null;
  if (Array.isArray(data)) return { sha: "directory", text: null };
  if (data.type !== "file" || !("content" in data) || data.encoding !== "base64")
    return { sha: data.sha, text: null };
  return { sha: data.sha, text: Buffer.from(data.content, "base64").toString("utf8") };
}
