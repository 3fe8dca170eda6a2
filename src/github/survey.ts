/** What changed in a repository, read as lists for the sweeps (src/inbox/look.ts). Reads only. */
import type { PullRequestFact } from "../domain/facts.ts";
import type { Actor } from "../domain/people.ts";
import type { Repository } from "../domain/repository.ts";
import { PortError, type Clock, type Forge } from "../engine/ports.ts";
import type {
  FoundComment,
  FoundIssue,
  FoundReview,
  Listed,
  ListRequest,
  Survey,
} from "../inbox/survey.ts";
import type { Auth } from "./auth.ts";
import { at, orNull, type Calls } from "./calls.ts";
import { personOf } from "./facts.ts";
import { labelledBy } from "./labelled.ts";
import { portErrorOf, timeOf } from "./outcome.ts";
import type { Pacing } from "./pacing.ts";
import { allPages, PAGE } from "./pages.ts";

export interface SurveyOptions {
  readonly auth: Auth;
  readonly calls: Calls;
  readonly pacing: Pacing;
  readonly clock: Clock;
  readonly forge: Pick<Forge, "read">;
  /** A comment of our App was seen; it is no finding. */
  readonly onOwn?: (repository: Repository, comment: OwnComment) => void;
}

/** A comment of our App as it stands on GitHub. */
export interface OwnComment {
  readonly body: string;
  readonly url: string;
}

/** Of an App's installations, 100 each. */
const INSTALLATION_PAGES_MAX = 50;
/** Reviews of one pull request, 100 each. */
const REVIEW_PAGES_MAX = 10;

export function openSurvey(options: SurveyOptions): Survey {
  const { auth, calls, pacing, forge } = options;
  return {
    repositories: () => listRepositories(options),
    async label(repository) {
      const { config } = await forge.read(repository, [{ kind: "config" }]);
      if (config === undefined) throw new PortError("gone", `${repository.name} is gone`);
      return config.config.label;
    },
    issues: (repository, request) => listIssues(options, repository, request),
    comments: (repository, request) => listComments(options, repository, request),
    reviewComments: (repository, request) => listReviewComments(options, repository, request),
    async reviews(repository, pullRequest) {
      const own = await auth.own(repository);
      const found = await allPages(REVIEW_PAGES_MAX, (page) =>
        calls.read(repository, "facts", async (client) => {
          const route = "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews";
          const parameters = { pull_number: pullRequest, per_page: PAGE, page };
          return (await client.request(route, { ...at(repository), ...parameters })).data;
        }),
      );
      return found
        .filter(({ state }) => state !== "PENDING")
        .map(({ id, user, submitted_at: time }) => ({
          id: Number(id),
          pullRequest,
          author: personOf(user, own),
          at: Date.parse(time ?? "") || 0,
        }));
    },
    labelledBy: (repository, issue, label) => labelledBy(options, repository, issue, label),
    async issue(repository, number) {
      const { issue } = await forge.read(repository, [{ kind: "issue", number }]);
      return issue ?? null;
    },
    pullStates: (repository, numbers) => readStates(calls, repository, numbers),
    budget: ({ installation }) => pacing.budget(installation),
  };
}

async function listRepositories({ auth, clock }: SurveyOptions): Promise<readonly Repository[]> {
  try {
    const installations = await allPages(INSTALLATION_PAGES_MAX, async (page) => {
      const request = { per_page: PAGE, page };
      return (await auth.app.request("GET /app/installations", request)).data;
    });
    const found: Repository[] = [];
    for (const { id, suspended_at: suspended } of installations)
      if (suspended === null) found.push(...(await auth.repositories(id)));
    return found;
  } catch (error) {
    throw portErrorOf(error, clock.now());
  }
}

interface Raw<T> {
  readonly data: readonly T[];
  readonly headers: Readonly<Record<string, unknown>>;
}

const listed = <R, T>({ data, headers }: Raw<R>, entries: readonly T[]): Listed<T> => ({
  entries,
  serverTime: timeOf(headers),
  more: data.length >= PAGE,
});

const listQuery = ({ since, page }: ListRequest) => ({
  sort: "updated" as const,
  direction: "asc" as const,
  per_page: PAGE,
  page,
  ...(since === null ? {} : { since: new Date(since).toISOString() }),
});

async function listIssues(
  { auth, calls }: SurveyOptions,
  repository: Repository,
  request: Parameters<Survey["issues"]>[1],
): Promise<Listed<FoundIssue>> {
  const own = await auth.own(repository);
  const answer = await calls.read(repository, "facts", (client) =>
    client.request("GET /repos/{owner}/{repo}/issues", {
      ...at(repository),
      ...listQuery(request),
      labels: request.label,
      state: request.open ? "open" : "all",
    }),
  );
  const issues = answer.data.filter((issue) => issue.pull_request === undefined);
  return listed(
    answer,
    issues.map((issue) => ({
      id: Number(issue.id),
      number: issue.number,
      title: issue.title,
      body: issue.body ?? "",
      url: issue.html_url,
      open: issue.state === "open",
      author: personOf(issue.user, own),
      updatedAt: Date.parse(issue.updated_at),
    })),
  );
}

async function listComments(
  { auth, calls, onOwn }: SurveyOptions,
  repository: Repository,
  request: ListRequest,
): Promise<Listed<FoundComment>> {
  const own = await auth.own(repository);
  const answer = await calls.read(repository, "facts", (client) =>
    client.request("GET /repos/{owner}/{repo}/issues/comments", {
      ...at(repository),
      ...listQuery(request),
    }),
  );
  const entries: FoundComment[] = [];
  for (const comment of answer.data) {
    const author = personOf(comment.user, own);
    const body = comment.body ?? "";
    if (author.type === "own" || comment.performed_via_github_app?.id === own.appId)
      onOwn?.(repository, { body, url: comment.html_url });
    else
      entries.push({
        id: Number(comment.id),
        number: lastNumber(comment.issue_url),
        on: /\/pull\/\d+/u.test(comment.html_url) ? "pull-request" : "issue",
        author,
        body,
        url: comment.html_url,
        createdAt: Date.parse(comment.created_at),
        updatedAt: Date.parse(comment.updated_at),
      });
  }
  return listed(answer, entries);
}

async function listReviewComments(
  { auth, calls, onOwn }: SurveyOptions,
  repository: Repository,
  request: ListRequest,
): Promise<Listed<FoundReview & { readonly updatedAt: number }>> {
  const own = await auth.own(repository);
  const answer = await calls.read(repository, "facts", (client) =>
    client.request("GET /repos/{owner}/{repo}/pulls/comments", {
      ...at(repository),
      ...listQuery(request),
    }),
  );
  const entries = answer.data.flatMap((comment) => {
    const { pull_request_review_id: review, body, html_url: url } = comment;
    const author: Actor = personOf(comment.user, own);
    if (author.type === "own") onOwn?.(repository, { body, url });
    if (review === null) return [];
    return [
      {
        id: Number(review),
        pullRequest: lastNumber(comment.pull_request_url),
        author,
        at: Date.parse(comment.created_at),
        updatedAt: Date.parse(comment.updated_at),
      },
    ];
  });
  return listed(answer, entries);
}

/** `…/issues/12` → 12 */
const lastNumber = (url: string): number =>
  Number(/\/(?<number>\d+)$/u.exec(url)?.groups?.["number"]);

/** Pull requests asked about in one GraphQL query. */
const PULLS_AT_ONCE = 50;

interface StatesAnswer {
  readonly repository: Readonly<
    Record<
      string,
      {
        readonly number: number;
        readonly state: "OPEN" | "CLOSED" | "MERGED";
        readonly isDraft: boolean;
      } | null
    >
  > | null;
}

/** One query for many; a pull request that GitHub does not find is left out. */
async function readStates(
  calls: Calls,
  repository: Repository,
  numbers: readonly number[],
): Promise<ReadonlyMap<number, PullRequestFact["state"]>> {
  const states = new Map<number, PullRequestFact["state"]>();
  for (let from = 0; from < numbers.length; from += PULLS_AT_ONCE) {
    const query = statesQuery(numbers.slice(from, from + PULLS_AT_ONCE));
    const answer = await orNull(
      calls.read(repository, "facts", (client) =>
        client.graphql<StatesAnswer>(query, at(repository)),
      ),
    );
    for (const pull of Object.values(answer?.repository ?? {}))
      if (pull !== null) states.set(pull.number, stateOf(pull));
  }
  return states;
}

const statesQuery = (numbers: readonly number[]): string => {
  const fields = numbers.map(
    (number) => `p${number}: pullRequest(number: ${number}) { number state isDraft }`,
  );
  return `query states($owner: String!, $repo: String!) {
    repository(owner: $owner, name: $repo) { ${fields.join(" ")} }
  }`;
};

function stateOf(pull: {
  readonly state: "OPEN" | "CLOSED" | "MERGED";
  readonly isDraft: boolean;
}): PullRequestFact["state"] {
  if (pull.state === "MERGED") return "merged";
  if (pull.state === "CLOSED") return "closed";
  return pull.isDraft ? "draft" : "open";
}
