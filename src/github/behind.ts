/** How many commits a branch has that a commit has not. Only shown to people: nothing waits for it. */
import type { Repository } from "../domain/repository.ts";
import { PortError } from "../engine/ports.ts";
import { at, type Calls } from "./calls.ts";

/** null = GitHub does not say: the commit is no more, or it is tired. */
export async function readBehind(
  calls: Calls,
  repository: Repository,
  { base, branch }: { readonly base: string; readonly branch: string },
): Promise<number | null> {
  // The first page lists files with their changes; of the others only the count is of interest.
  const page = { per_page: 1, page: 2 };
  const where = { ...at(repository), basehead: `${base}...${branch}`, ...page };
  try {
    return await calls.read(repository, "facts", async (client) => {
      const { data } = await client.request("GET /repos/{owner}/{repo}/compare/{basehead}", where);
      return data.ahead_by;
    });
  } catch (error) {
    if (error instanceof PortError) return null;
    throw error;
  }
}
