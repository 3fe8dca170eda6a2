/** Names of the branches we push. */
import type { Session } from "./objective.ts";

/** Decision 22: ours whatever the agent calls its own; at most 40 characters of slug. */
export function branchName(issue: number, { title, id }: Session): string {
  const slug = title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, "-")
    .slice(0, 40)
    .replaceAll(/^-+|-+$/gu, "");
  return `orcha/${issue}-${slug === "" ? "work" : slug}-${id.slice(-6)}`;
}
