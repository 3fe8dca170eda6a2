/** Pull requests by the branch they come from. */
import type { PullRequestFact } from "../domain/facts.ts";
import type { Repository } from "../domain/repository.ts";
import type { Auth } from "./auth.ts";
import { at, type Calls } from "./calls.ts";

export interface Reading {
  readonly auth: Auth;
  readonly calls: Calls;
}

export interface PullAtHead {
  readonly number: number;
  readonly html_url: string;
  readonly state: string;
  readonly draft?: boolean | undefined;
  readonly merged_at: string | null;
  readonly head: { readonly sha: string };
}

/** A pull request as it is now. */
export type PullState = Pick<PullRequestFact, "number" | "state" | "headSha">;

/** The newest pull request of ours from a branch; null = there is none. Throws PortError. */
export async function ownPullRequestAt(
  reading: Reading,
  repository: Repository,
  branch: string,
): Promise<PullState | null> {
  const { ours } = await findAtHead(reading, repository, branch);
  return ours === null
    ? null
    : { number: ours.number, state: stateOf(ours), headSha: ours.head.sha };
}

export function stateOf(
  pull: Pick<PullAtHead, "state" | "draft" | "merged_at">,
): PullState["state"] {
  if (pull.merged_at !== null) return "merged";
  if (pull.state !== "open") return "closed";
  return pull.draft === true ? "draft" : "open";
}

/** The newest pull request with exactly this head that our App opened, and whether there is any. */
export async function findAtHead(
  { auth, calls }: Reading,
  repository: Repository,
  head: string,
): Promise<{ readonly ours: PullAtHead | null; readonly anybody: boolean }> {
  const { botId } = await auth.own(repository);
  const found = await calls.read(repository, "facts", async (client) => {
    const parameters = { head: `${repository.owner}:${head}`, state: "all" } as const;
    const route = "GET /repos/{owner}/{repo}/pulls";
    return (await client.request(route, { ...at(repository), ...parameters, per_page: 20 })).data;
  });
  const ours = found.filter(
    (pull) =>
      pull.user?.id === botId && pull.head.ref === head && pull.head.repo?.id === repository.id,
  );
  const newest = ours.find(({ state }) => state === "open") ?? ours[0] ?? null;
  return { ours: newest, anybody: found.length > 0 };
}
