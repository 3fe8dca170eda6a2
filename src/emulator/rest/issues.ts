/** Issues, their labels and assignees. */
import { demand } from "../access.ts";
import { assign, editIssue, openIssue } from "../act/issues.ts";
import {
  addLabels,
  createLabel,
  deleteLabel,
  editLabel,
  removeLabel,
  setLabels,
} from "../act/labels.ts";
import { issueNeed, need } from "../act/needs.ts";
import { oneOf } from "../act/text.ts";
import { issueOf } from "../hub.ts";
import {
  type Answer,
  type Body,
  type Context,
  created,
  noContent,
  numberParam,
  ok,
  param,
  repositoryIn,
  type Route,
  route,
  text,
  texts,
} from "../http/request.ts";
import { page, since } from "../http/paging.ts";
import type { Issue, Label, Repository } from "../model.ts";
import { invalid, notFound } from "../problem.ts";
import { fullIssueShape, issueEventShape, issueShape, labelShape } from "../shape/issue.ts";

const base = "/repos/{owner}/{repo}";
const one = `${base}/issues/{issue_number}`;

export const issueRoutes: readonly Route[] = [
  route("GET", `${base}/issues`, listIssues),
  route("POST", `${base}/issues`, (context) => {
    const { body } = context;
    const labels = texts(body, "labels");
    const assignees = texts(body, "assignees");
    const title = typeof body["title"] === "number" ? String(body["title"]) : text(body, "title");
    const issue = openIssue(context.hub, context.actor, repositoryIn(context), {
      title,
      body: text(body, "body"),
      labels,
      assignees,
    });
    return created(fullIssueShape(context.hub, issue));
  }),
  route("GET", one, (context) => ok(fullIssueShape(context.hub, issueIn(context)))),
  route("PATCH", one, editIssueRoute),
  route("GET", `${one}/events`, (context) => {
    const { events, repository } = issueIn(context);
    const listed = context.hub.lag.listed(events);
    return page(context, listed, (event) => issueEventShape(context.hub, repository, event));
  }),
  route("GET", `${one}/labels`, (context) => {
    const issue = issueIn(context);
    return page(context, issue.labels, labelShaper(context, issue.repository));
  }),
  route("POST", `${one}/labels`, (context) => {
    const issue = issueIn(context);
    addLabels(context.hub, context.actor, issue, namesIn(context.body));
    return ok(issue.labels.map(labelShaper(context, issue.repository)));
  }),
  route("PUT", `${one}/labels`, (context) => {
    const issue = issueIn(context);
    setLabels(context.hub, context.actor, issue, namesIn(context.body));
    return ok(issue.labels.map(labelShaper(context, issue.repository)));
  }),
  route("DELETE", `${one}/labels`, (context) => {
    setLabels(context.hub, context.actor, issueIn(context), []);
    return noContent();
  }),
  route("DELETE", `${one}/labels/{name}`, (context) => {
    const issue = issueIn(context);
    removeLabel(context.hub, context.actor, issue, param(context, "name"));
    return ok(issue.labels.map(labelShaper(context, issue.repository)));
  }),
  route("POST", `${one}/assignees`, (context) => {
    const add = texts(context.body, "assignees") ?? [];
    assign(context.hub, context.actor, issueIn(context), { add });
    return created(fullIssueShape(context.hub, issueIn(context)));
  }),
  route("DELETE", `${one}/assignees`, (context) => {
    const remove = texts(context.body, "assignees") ?? [];
    assign(context.hub, context.actor, issueIn(context), { remove });
    return ok(fullIssueShape(context.hub, issueIn(context)));
  }),
  route("GET", `${base}/labels`, (context) => {
    const repository = repositoryIn(context);
    demand(context.actor, repository, need.readIssues);
    return page(context, [...repository.labels.values()], labelShaper(context, repository));
  }),
  route("POST", `${base}/labels`, (context) => {
    const repository = repositoryIn(context);
    const color = text(context.body, "color");
    const description = text(context.body, "description");
    const label = createLabel(context.hub, context.actor, repository, {
      name: text(context.body, "name") ?? "",
      ...(color === undefined ? {} : { color }),
      ...(description === undefined ? {} : { description }),
    });
    return created(labelShape(context.hub, repository, label));
  }),
  route("GET", `${base}/labels/{name}`, (context) =>
    ok(labelShape(context.hub, repositoryIn(context), labelIn(context))),
  ),
  route("PATCH", `${base}/labels/{name}`, (context) => {
    const repository = repositoryIn(context);
    const label = labelIn(context);
    editLabel(context.hub, context.actor, repository, label, {
      name: text(context.body, "new_name"),
      color: text(context.body, "color"),
    });
    return ok(labelShape(context.hub, repository, label));
  }),
  route("DELETE", `${base}/labels/{name}`, (context) => {
    deleteLabel(context.hub, context.actor, repositoryIn(context), labelIn(context));
    return noContent();
  }),
];

/** The issue of the path, when it may be read. */
export function issueIn(context: Context): Issue {
  const issue = issueOf(context.hub, repositoryIn(context), numberParam(context, "issue_number"));
  const app = issueNeed(issue, "read").app.map((set) => toRead(set));
  demand(context.actor, issue.repository, { app, role: "read" });
  return issue;
}

function labelIn(context: Context): Label {
  const repository = repositoryIn(context);
  demand(context.actor, repository, need.readIssues);
  const label = repository.labels.get(param(context, "name").toLowerCase());
  if (label === undefined) throw notFound();
  return label;
}

function toRead(set: Readonly<Record<string, unknown>>): Record<string, "read"> {
  return Object.fromEntries(Object.keys(set).map((name) => [name, "read"] as const));
}

function labelShaper(
  context: Context,
  repository: Repository,
): (label: Parameters<typeof labelShape>[2]) => unknown {
  return (label) => labelShape(context.hub, repository, label);
}

/** `{"labels":[…]}`, or a bare list, which GitHub takes too. */
function namesIn(body: Body): readonly string[] {
  const names = Array.isArray(body["__list"]) ? texts(body, "__list") : texts(body, "labels");
  if (names === undefined || names.some((name) => name === "")) {
    throw invalid({ resource: "Label", code: "missing_field", field: "labels" });
  }
  return names;
}

function editIssueRoute(context: Context): Answer {
  const { hub, actor, body } = context;
  const issue = issueIn(context);
  const labels = texts(body, "labels");
  const assignees = texts(body, "assignees");
  const state = oneOf(text(body, "state"), ["open", "closed"] as const, "state");
  const stateReason = oneOf(
    text(body, "state_reason"),
    ["completed", "not_planned", "duplicate", "reopened"] as const,
    "state_reason",
  );
  const newText = body["body"] === null ? null : text(body, "body");
  editIssue(hub, actor, issue, { title: text(body, "title"), body: newText, state, stateReason });
  if (labels !== undefined) setLabels(hub, actor, issue, labels);
  if (assignees !== undefined) {
    const remove = issue.assignees
      .map(({ login }) => login)
      .filter((login) => !assignees.includes(login));
    assign(hub, actor, issue, { add: assignees, remove });
  }
  return ok(fullIssueShape(hub, issue));
}

function listIssues(context: Context): Answer {
  const repository = repositoryIn(context);
  demand(context.actor, repository, need.readIssues);
  const { query } = context;
  const state = oneOf(query.get("state") ?? "open", ["open", "closed", "all"] as const, "state");
  const labels = (query.get("labels") ?? "").split(",").filter((name) => name.trim() !== "");
  const creator = query.get("creator");
  const found = context.hub.lag
    .listed([...repository.issues.values()])
    .filter((issue) => state === "all" || issue.state === state)
    .filter((issue) => labels.every((name) => hasLabel(issue, name.trim())))
    .filter((issue) => creator === null || issue.author.login === creator);
  const sorted = sortIssues(
    context,
    since(context, found, (issue) => issue.updatedAtMs),
  );
  return page(context, sorted, (issue) => issueShape(context.hub, issue));
}

function sortIssues(context: Context, issues: readonly Issue[]): Issue[] {
  const sort = context.query.get("sort") ?? "created";
  const sign = context.query.get("direction") === "asc" ? 1 : -1;
  const key = (issue: Issue): number => {
    if (sort === "updated") return issue.updatedAtMs;
    return sort === "comments" ? issue.comments.length : issue.createdAtMs;
  };
  return issues.toSorted((a, b) => sign * (key(a) - key(b) || a.number - b.number));
}

function hasLabel(issue: Issue, name: string): boolean {
  return issue.labels.some((label) => label.name.toLowerCase() === name.toLowerCase());
}
