/** Reads what GitHub says now: issue, pull request, review. Texts come out visible-only. */
import type { IssueFact, PullRequestFact, ReviewComment, ReviewFact } from "../domain/facts.ts";
import type { Actor } from "../domain/people.ts";
import type { Repository } from "../domain/repository.ts";
import { actorOf } from "../inbox/webhook.ts";
import { visibleLine, visibleText } from "../markdown/incoming.ts";
import { stateOf } from "./at-head.ts";
import { at, orNull, type Calls } from "./calls.ts";
import { allPages, PAGE } from "./pages.ts";
import type { Auth, OwnApp } from "./auth.ts";

export interface FactReader {
  issue(repository: Repository, number: number): Promise<IssueFact | null>;
  pullRequest(repository: Repository, number: number): Promise<PullRequestFact | null>;
  review(repository: Repository, number: number, review: number): Promise<ReviewFact | null>;
  ownHeadBranch(repository: Repository, number: number): Promise<string | null>;
}

export function openFactReader(auth: Auth, calls: Calls): FactReader {
  const readPull = (repository: Repository, number: number) =>
    orNull(
      calls.read(repository, "facts", async (client) => {
        const route = "GET /repos/{owner}/{repo}/pulls/{pull_number}";
        return (await client.request(route, { ...at(repository), pull_number: number })).data;
      }),
    );

  return {
    issue: (repository, number) =>
      orNull(
        calls.read(repository, "facts", async (client) => {
          const route = "GET /repos/{owner}/{repo}/issues/{issue_number}";
          const parameters = { ...at(repository), issue_number: number };
          const { data, url } = await client.request(route, parameters);
          if (data.pull_request !== undefined || data.number !== number) return null;
          if (isElsewhere(url, repository)) return null;
          return {
            id: Number(data.id),
            number: data.number,
            title: visibleLine(data.title),
            body: visibleText(data.body ?? ""),
            open: data.state === "open",
            labels: data.labels.map((label) =>
              typeof label === "string" ? label : (label.name ?? ""),
            ),
            url: data.html_url,
          };
        }),
      ),
    async pullRequest(repository, number) {
      const pull = await readPull(repository, number);
      if (pull === null) return null;
      const own = await auth.own(repository);
      return {
        number: pull.number,
        state: stateOf(pull),
        headBranch: pull.head.ref,
        headSha: pull.head.sha,
        author: personOf(pull.user, own),
        url: pull.html_url,
      };
    },
    async ownHeadBranch(repository, number) {
      const pull = await readPull(repository, number);
      if (pull === null) return null;
      const own = await auth.own(repository);
      const ours = pull.user?.id === own.botId && pull.head.repo?.id === repository.id;
      return ours && pull.head.ref.startsWith("orcha/") ? pull.head.ref : null;
    },
    async review(repository, number, review) {
      const own = await auth.own(repository);
      const found = await orNull(
        calls.read(repository, "facts", async (client) => {
          const route = "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}";
          const parameters = { ...at(repository), pull_number: number, review_id: review };
          return (await client.request(route, parameters)).data;
        }),
      );
      if (found === null) return null;
      return {
        id: Number(found.id),
        author: personOf(found.user, own),
        verdict: verdictOf(found.state),
        text: visibleText(found.body),
        comments: await readComments(calls, repository, number, review),
      };
    },
  };
}

/** A deleted account is GitHub's `ghost`: nobody. */
const GHOST: Actor = { id: 10_137, login: "ghost", type: "user" };

/** Somebody as GitHub shows them; null = their account was deleted. */
export function personOf(
  user: { readonly id: number | bigint; readonly login: string; readonly type: string } | null,
  own: OwnApp,
): Actor {
  if (user === null) return GHOST;
  return actorOf({ id: Number(user.id), login: user.login, type: user.type }, own);
}

/** A transferred issue is followed to where it went, by repository id: not this repository's any more. */
function isElsewhere(url: string, repository: Repository): boolean {
  const id = /\/repositories\/(?<id>\d+)\//u.exec(url)?.groups?.["id"];
  return id !== undefined && Number(id) !== repository.id;
}

function verdictOf(state: string): ReviewFact["verdict"] {
  switch (state) {
    case "APPROVED":
      return "approved";
    case "CHANGES_REQUESTED":
      return "changes-requested";
    case "DISMISSED":
      return "dismissed";
    case "PENDING":
      return "pending";
    default:
      return "commented";
  }
}

/** A review with more comments than this is cut; nobody writes one. */
const COMMENT_PAGES_MAX = 5;

async function readComments(
  calls: Calls,
  repository: Repository,
  number: number,
  review: number,
): Promise<readonly ReviewComment[]> {
  const found = await allPages(COMMENT_PAGES_MAX, (page) =>
    calls.read(repository, "facts", async (client) => {
      const route = "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/comments";
      const parameters = { pull_number: number, review_id: review, per_page: PAGE, page };
      return (await client.request(route, { ...at(repository), ...parameters })).data;
    }),
  );
  if (found.length === 0) return [];
  const threads = await readThreads(calls, repository, number);
  return found.map((comment) => {
    const thread = Number(comment.in_reply_to_id ?? comment.id);
    return {
      id: Number(comment.id),
      thread,
      threadNode: threads.get(thread) ?? null,
      path: comment.path,
      line: comment.line ?? comment.original_line ?? null,
      text: visibleText(comment.body),
    };
  });
}

const THREADS = `query threads($owner: String!, $repo: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $repo) {
    pullRequest(number: $number) {
      reviewThreads(first: 100, after: $after) {
        nodes { id comments(first: 1) { nodes { databaseId } } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}`;

interface ThreadsAnswer {
  readonly repository: {
    readonly pullRequest: {
      readonly reviewThreads: {
        readonly nodes: readonly {
          readonly id: string;
          readonly comments: { readonly nodes: readonly { readonly databaseId: number | null }[] };
        }[];
        readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
      };
    } | null;
  } | null;
}

const THREAD_PAGES_MAX = 10;

/** GraphQL ids of threads by the id of their first comment. REST does not tell them. */
async function readThreads(
  calls: Calls,
  repository: Repository,
  number: number,
): Promise<ReadonlyMap<number, string>> {
  const threads = new Map<number, string>();
  let after: string | null = null;
  for (let page = 0; page < THREAD_PAGES_MAX; page += 1) {
    const answer: ThreadsAnswer = await calls.read(repository, "facts", (client) =>
      client.graphql<ThreadsAnswer>(THREADS, { ...at(repository), number, after }),
    );
    const found = answer.repository?.pullRequest?.reviewThreads;
    for (const { id, comments } of found?.nodes ?? []) {
      const first = comments.nodes[0]?.databaseId;
      if (first != null) threads.set(first, id);
    }
    after = found?.pageInfo.endCursor ?? null;
    if (found?.pageInfo.hasNextPage !== true || after === null) break;
  }
  return threads;
}
