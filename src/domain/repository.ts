/** A repository and what its owner configured in `.github/orcha.yml`. */

import type { Prompts } from "./brief.ts";

export interface Repository {
  readonly installation: number;
  /** GitHub's numeric id: survives renames and transfers; `owner`/`name` are as last seen. */
  readonly id: number;
  readonly owner: string;
  readonly name: string;
}

/** What its checkouts, its mirror and its backups are called on disk. */
export const directoryOf = ({ owner, name }: Pick<Repository, "owner" | "name">): string =>
  `${owner}__${name}`;

/** `.github/orcha.yml` of the default branch (decision 29), defaults filled in. */
export interface RepositoryConfig {
  /** Label that makes an issue an objective. */
  readonly label: string;
  /** Agent that runs sessions, by name. */
  readonly agent: string;
  /** Shell commands run in every fresh checkout before the agent starts. */
  readonly setup: readonly string[];
  readonly pr: { readonly draft: "until-reported" | "always" };
  readonly onDone: "close" | "keep-open";
  /** Workers of one objective that may be live at the same time. */
  readonly limits: {
    readonly workers: number;
    /** Sessions of this repository that may be live at the same time; missing = as many as there is room for. */
    readonly sessions?: number;
  };
  /** Only these directories, and the files beside them on the way, are checked out; missing = everything is. */
  readonly workspace?: { readonly sparse: readonly string[] };
  /** Which runners its sessions want; missing = any. */
  readonly runner?: { readonly labels: readonly string[] };
  /** Said to agents after the text of their role; missing = nothing. */
  readonly prompts?: Partial<Prompts>;
  /** Agents of roles that have one of their own; missing = `agent`. */
  readonly agents?: Partial<Readonly<Record<"manager" | "worker" | "reviewer", string>>>;
}

/** Who plays this role. */
export const agentOf = (
  { agent, agents = {} }: RepositoryConfig,
  role: "manager" | "worker" | "reviewer",
): string => agents[role] ?? agent;

export const DEFAULT_CONFIG: RepositoryConfig = {
  label: "objective",
  agent: "script",
  setup: [],
  pr: { draft: "until-reported" },
  onDone: "close",
  limits: { workers: 8 },
};
