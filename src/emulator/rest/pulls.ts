/** Pull requests: list, open, edit, files, commits, merge, update, reviewers. */
import { demand } from "../access.ts";
import { need } from "../act/needs.ts";
import { editPull, mergePull, openPull, requestReviewers, updateBranch } from "../act/pulls.ts";
import { changesOf } from "../act/reviews.ts";
import { oneOf } from "../act/text.ts";
import { accountOf, pullOf } from "../hub.ts";
import {
  type Answer,
  type Context,
  created,
  flag,
  noContent,
  numberParam,
  ok,
  repositoryIn,
  type Route,
  route,
  text,
  texts,
} from "../http/request.ts";
import { page } from "../http/paging.ts";
import type { Account, Pull } from "../model.ts";
import { notFound, Problem } from "../problem.ts";
import { userShape } from "../shape/account.ts";
import { commitShape } from "../shape/commit.ts";
import { fileShape, pullApi, pullShape, simplePullShape } from "../shape/pull.ts";

const base = "/repos/{owner}/{repo}/pulls";
const one = `${base}/{pull_number}`;

export const pullRoutes: readonly Route[] = [
  route("GET", base, listPulls),
  route("POST", base, async (context) => {
    const { body } = context;
    const pull = await openPull(context.hub, context.actor, repositoryIn(context), {
      title: text(body, "title"),
      body: text(body, "body"),
      head: text(body, "head"),
      base: text(body, "base"),
      draft: flag(body, "draft"),
      maintainerCanModify: flag(body, "maintainer_can_modify"),
    });
    return created(pullShape(context.hub, pull));
  }),
  route("GET", one, (context) => ok(pullShape(context.hub, pullIn(context)))),
  route("PATCH", one, async (context) => {
    const { body } = context;
    const pull = pullIn(context);
    await editPull(context.hub, context.actor, pull, {
      title: text(body, "title"),
      body: body["body"] === null ? null : text(body, "body"),
      state: oneOf(text(body, "state"), ["open", "closed"] as const, "state"),
      base: text(body, "base"),
    });
    return ok(pullShape(context.hub, pull));
  }),
  route("GET", `${one}/files`, async (context) => {
    const pull = pullIn(context);
    return page(context, await changesOf(pull), (file) => fileShape(context.hub, pull, file));
  }),
  route("GET", `${one}/commits`, async (context) => {
    const pull = pullIn(context);
    const { repository } = pull.issue;
    const from = await repository.git.mergeBase(pull.baseSha, pull.headSha);
    const commits = await repository.git.listCommits({ tip: pull.headSha, except: from });
    return page(context, commits, (commit) => commitShape(context.hub, repository, commit));
  }),
  route("GET", `${one}/merge`, (context) => {
    if (pullIn(context).mergedAtMs === undefined) throw notFound();
    return noContent();
  }),
  route("PUT", `${one}/merge`, async (context) => {
    const { body } = context;
    const sha = await mergePull(context.hub, context.actor, pullIn(context), {
      method: oneOf(
        text(body, "merge_method"),
        ["merge", "squash", "rebase"] as const,
        "merge_method",
      ),
      sha: text(body, "sha"),
      title: text(body, "commit_title"),
      message: text(body, "commit_message"),
    });
    return ok({ sha, merged: true, message: "Pull Request successfully merged" });
  }),
  route("PUT", `${one}/update-branch`, async (context) => {
    const pull = pullIn(context);
    await updateBranch(context.hub, context.actor, pull, text(context.body, "expected_head_sha"));
    const url = pullApi(context.hub, pull);
    return { status: 202, body: { message: "Updating pull request branch.", url } };
  }),
  route("GET", `${one}/requested_reviewers`, (context) => {
    const users = pullIn(context).requestedReviewers.map((user) => userShape(context.hub, user));
    return ok({ users, teams: [] });
  }),
  route("POST", `${one}/requested_reviewers`, (context) => {
    const pull = pullIn(context);
    requestReviewers(context.hub, context.actor, pull, { add: reviewers(context), remove: [] });
    return created(simplePullShape(context.hub, pull));
  }),
  route("DELETE", `${one}/requested_reviewers`, (context) => {
    const pull = pullIn(context);
    requestReviewers(context.hub, context.actor, pull, { add: [], remove: reviewers(context) });
    return ok(simplePullShape(context.hub, pull));
  }),
];

/** The pull request of the path, when it may be read. */
export function pullIn(context: Context): Pull {
  const repository = repositoryIn(context);
  demand(context.actor, repository, need.readPulls);
  return pullOf(context.hub, repository, numberParam(context, "pull_number"));
}

function listPulls(context: Context): Answer {
  const repository = repositoryIn(context);
  demand(context.actor, repository, need.readPulls);
  const { query } = context;
  const state = oneOf(query.get("state") ?? "open", ["open", "closed", "all"] as const, "state");
  const head = query.get("head");
  const onto = query.get("base");
  const byUpdate = query.get("sort") === "updated";
  const ascending = query.get("direction") ?? (query.has("sort") ? "asc" : "desc");
  const sign = ascending === "asc" ? 1 : -1;
  const key = (pull: Pull): number => (byUpdate ? pull.issue.updatedAtMs : pull.issue.number);
  const pulls = [...repository.issues.values()].flatMap((issue) => issue.pull ?? []);
  const found = context.hub.lag
    .listed(pulls)
    .filter((pull) => state === "all" || pull.issue.state === state)
    .filter((pull) => head === null || `${repository.owner.login}:${pull.headRef}` === head)
    .filter((pull) => onto === null || pull.baseRef === onto)
    .toSorted((a, b) => sign * (key(a) - key(b) || a.issue.number - b.issue.number));
  return page(context, found, (pull) => simplePullShape(context.hub, pull));
}

function reviewers(context: Context): Account[] {
  return (texts(context.body, "reviewers") ?? []).map((login) => {
    const account = accountOf(context.hub, login);
    if (account !== undefined) return account;
    throw new Problem(422, "Reviews may only be requested from collaborators.");
  });
}
