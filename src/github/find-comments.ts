/** Our comments on GitHub, found by the marker of what they were posted for. */
import type { Repository } from "../domain/repository.ts";
import { at } from "./calls.ts";
import { hasMarker, isForeign } from "./marker.ts";
import { allPages, lastPage, PAGE } from "./pages.ts";
import { pause, type Performing } from "./performer.ts";

export interface Found {
  readonly id: number;
  readonly url: string;
  readonly body: string;
}

/** Lists may lag behind writes: not found is believed the second time only. */
export async function lookTwice(
  performing: Performing,
  look: () => Promise<readonly Found[]>,
): Promise<Found | undefined> {
  const [first] = await look();
  if (first !== undefined) return first;
  await pause(performing.clock, performing.timings.lookAgainMs);
  return (await look())[0];
}

/** Comments looked through, newest first. An older one would have been found by an earlier try. */
const PAGES_MAX = 10;

/** Our comments that carry this key, oldest first. */
export async function findComments(
  performing: Performing,
  repository: Repository,
  number: number,
  key: string,
): Promise<readonly Found[]> {
  const { appId, botId } = await performing.auth.own(repository);
  const read = (page: number) =>
    performing.calls.read(repository, "facts", (client) =>
      client.request("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
        ...at(repository),
        issue_number: number,
        per_page: PAGE,
        page,
      }),
    );
  const first = await read(1);
  const last = lastPage(first.headers.link);
  const comments = [...first.data];
  for (let page = last; page > Math.max(1, last - PAGES_MAX); page -= 1)
    comments.push(...(await read(page)).data);
  const own = comments.filter(
    ({ user, performed_via_github_app: via }) => via?.id === appId || user?.id === botId,
  );
  tellForeign(performing, repository, own);
  return own
    .filter(({ body }) => hasMarker(body ?? "", key, performing.markerSecret))
    .map((comment) => ({
      id: Number(comment.id),
      url: comment.html_url,
      body: comment.body ?? "",
    }))
    .toSorted((a, b) => a.id - b.id);
}

/** Of our App, but not of this installation. */
function tellForeign(
  { markerSecret, onForeign }: Performing,
  repository: Repository,
  own: readonly { readonly body?: string; readonly html_url: string }[],
): void {
  for (const { body, html_url: url } of own)
    if (isForeign(body ?? "", markerSecret)) onForeign(repository, url);
}

export async function findReplies(
  performing: Performing,
  repository: Repository,
  pullRequest: number,
  key: string,
): Promise<readonly Found[]> {
  const { botId } = await performing.auth.own(repository);
  const comments = await allPages(PAGES_MAX, (page) =>
    performing.calls.read(repository, "facts", async (client) => {
      const route = "GET /repos/{owner}/{repo}/pulls/{pull_number}/comments";
      const parameters = { pull_number: pullRequest, per_page: PAGE, page };
      const newest = { sort: "created", direction: "desc" } as const;
      return (await client.request(route, { ...at(repository), ...parameters, ...newest })).data;
    }),
  );
  const own = comments.filter(({ user }) => user?.id === botId);
  tellForeign(performing, repository, own);
  return own
    .filter(({ body }) => hasMarker(body, key, performing.markerSecret))
    .map((comment) => ({ id: Number(comment.id), url: comment.html_url, body: comment.body }))
    .toSorted((a, b) => a.id - b.id);
}
