/**
 * Who put a label on an issue, for a sweep that no webhook told. Whoever did vouches for the text they saw; when somebody
 * else changed it since, that person answers for it instead, and is asked for their permission like anybody.
 */
import type { Actor } from "../domain/people.ts";
import type { Repository } from "../domain/repository.ts";
import type { FoundIssue, FoundLabel } from "../inbox/survey.ts";
import type { Auth } from "./auth.ts";
import { at, orNull, type Calls } from "./calls.ts";
import { personOf } from "./facts.ts";
import { lastPage, PAGE } from "./pages.ts";

/** Newest pages of an issue's events that are looked through, 100 events each. */
const PAGES_MAX = 3;

interface IssueEvent {
  readonly id: number;
  readonly event: string;
  readonly label: string | null;
  readonly at: number;
  readonly actor: Actor;
}

export async function labelledBy(
  { auth, calls }: { readonly auth: Auth; readonly calls: Calls },
  repository: Repository,
  issue: FoundIssue,
  label: string,
): Promise<FoundLabel | null> {
  const events = await readEvents(auth, calls, repository, issue.number);
  const counts = (one: IssueEvent): boolean =>
    one.event === "reopened" || (one.event === "labeled" && one.label === label);
  const put = events.findLast(counts);
  if (put === undefined) return null;
  const renamed = events.findLast(({ event, at: time }) => event === "renamed" && time >= put.at);
  const editor = await editorSince(auth, calls, repository, issue, put);
  return { event: put.id, at: put.at, actor: editor ?? renamed?.actor ?? put.actor };
}

/** The newest events, oldest first. */
async function readEvents(
  auth: Auth,
  calls: Calls,
  repository: Repository,
  number: number,
): Promise<readonly IssueEvent[]> {
  const own = await auth.own(repository);
  const read = (page: number) =>
    orNull(
      calls.read(repository, "facts", (client) =>
        client.request("GET /repos/{owner}/{repo}/issues/{issue_number}/events", {
          ...at(repository),
          issue_number: number,
          per_page: PAGE,
          page,
        }),
      ),
    );
  const first = await read(1);
  if (first === null) return [];
  const last = lastPage(first.headers.link);
  const raw = [];
  for (let page = Math.max(2, last - PAGES_MAX + 1); page <= last; page += 1)
    raw.push(...((await read(page))?.data ?? []));
  const all = last <= PAGES_MAX ? [...first.data, ...raw] : raw;
  return all.map((entry) => ({
    id: entry.id,
    event: entry.event,
    label: "label" in entry && entry.label !== undefined ? (entry.label.name ?? null) : null,
    at: Date.parse(entry.created_at),
    actor: personOf(entry.actor, own),
  }));
}

const EDITOR = `query editor($owner: String!, $repo: String!, $number: Int!) {
  repository(owner: $owner, name: $repo) {
    issue(number: $number) { lastEditedAt editor { kind: __typename login ... on User { databaseId } } }
  }
}`;

interface EditorAnswer {
  readonly repository: {
    readonly issue: {
      readonly lastEditedAt: string | null;
      readonly editor: {
        readonly kind: string;
        readonly login: string;
        readonly databaseId?: number;
      } | null;
    } | null;
  } | null;
}

/**
 * Who changed the text after the label. Only an issue's author and people with write permission can, so nothing is asked
 * when the author put the label on. An edit in the same second counts as later.
 */
async function editorSince(
  auth: Auth,
  calls: Calls,
  repository: Repository,
  issue: FoundIssue,
  put: IssueEvent,
): Promise<Actor | null> {
  if (issue.author.id === put.actor.id || issue.updatedAt < put.at) return null;
  const own = await auth.own(repository);
  const answer = await calls.read(repository, "facts", (client) =>
    client.graphql<EditorAnswer>(EDITOR, { ...at(repository), number: issue.number }),
  );
  const found = answer.repository?.issue ?? null;
  const edited = Date.parse(found?.lastEditedAt ?? "");
  if (Number.isNaN(edited) || edited < put.at) return null;
  const editor = found?.editor ?? null;
  if (editor?.databaseId === undefined) return issue.author;
  return personOf({ id: editor.databaseId, login: editor.login, type: editor.kind }, own);
}
