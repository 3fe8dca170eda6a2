/** Check runs. Check suites exist behind them and show up in webhooks only. */
import { demand } from "../access.ts";
import { type CheckEdit, createRun, editRun } from "../act/checks.ts";
import { need } from "../act/needs.ts";
import {
  type Answer,
  type Body,
  type Context,
  created,
  isBody,
  list,
  numberParam,
  ok,
  param,
  repositoryIn,
  type Route,
  route,
  text,
} from "../http/request.ts";
import { page } from "../http/paging.ts";
import type { CheckAction, CheckRun } from "../model.ts";
import { notFound, Problem } from "../problem.ts";
import { checkRunShape } from "../shape/check.ts";
import { commitIn } from "./repositories.ts";

const base = "/repos/{owner}/{repo}";

export const checkRoutes: readonly Route[] = [
  route("POST", `${base}/check-runs`, async (context) => {
    const repository = repositoryIn(context);
    const edit = editIn(context.body);
    demand(context.actor, repository, need.writeChecks);
    if (edit.headSha !== undefined) await commitIn(repository, edit.headSha);
    const run = createRun(context.hub, context.actor, repository, edit);
    return created(checkRunShape(context.hub, repository, run));
  }),
  route("GET", `${base}/check-runs/{check_run_id}`, (context) => {
    const run = runIn(context);
    return ok(checkRunShape(context.hub, repositoryIn(context), run));
  }),
  route("PATCH", `${base}/check-runs/{check_run_id}`, (context) => {
    const repository = repositoryIn(context);
    const run = runIn(context);
    editRun(context.hub, context.actor, repository, run, editIn(context.body));
    return ok(checkRunShape(context.hub, repository, run));
  }),
  route("GET", `${base}/commits/{ref}/check-runs`, listRuns),
];

async function listRuns(context: Context): Promise<Answer> {
  const repository = repositoryIn(context);
  demand(context.actor, repository, need.readChecks);
  const sha = await commitIn(repository, param(context, "ref"));
  const { query } = context;
  const runs = [...repository.checkRuns.values()]
    .filter((run) => run.headSha === sha)
    .filter((run) => matches(query.get("check_name"), run.name))
    .filter((run) => matches(query.get("status"), run.status))
    .filter((run) => matches(query.get("app_id"), String(run.suite.app.id)));
  const latest = query.get("filter") === "all" ? runs : newestByName(runs);
  return page(
    context,
    latest,
    (run) => checkRunShape(context.hub, repository, run),
    (shaped) => ({ total_count: latest.length, check_runs: shaped }),
  );
}

function matches(wanted: string | null, value: string): boolean {
  return wanted === null || wanted === value;
}

/** Of several runs of one name in one suite only the newest counts. */
function newestByName(runs: readonly CheckRun[]): CheckRun[] {
  return [...new Map(runs.map((run) => [`${run.suite.id} ${run.name}`, run])).values()];
}

function runIn(context: Context): CheckRun {
  const repository = repositoryIn(context);
  demand(context.actor, repository, need.readChecks);
  const found = repository.checkRuns.get(numberParam(context, "check_run_id"));
  if (found === undefined) throw notFound();
  return found;
}

function editIn(body: Body): CheckEdit {
  const output = body["output"];
  return {
    name: text(body, "name"),
    headSha: text(body, "head_sha"),
    externalId: text(body, "external_id"),
    detailsUrl: text(body, "details_url"),
    status: text(body, "status"),
    conclusion: text(body, "conclusion"),
    output: isBody(output) ? outputIn(output) : undefined,
    actions: list(body, "actions")?.map(actionIn),
  };
}

function outputIn(output: Body): NonNullable<CheckEdit["output"]> {
  return {
    title: text(output, "title"),
    summary: text(output, "summary"),
    text: text(output, "text"),
    annotations: (list(output, "annotations") ?? []).filter(isBody),
  };
}

function actionIn(value: unknown): CheckAction {
  const limits = { label: 20, description: 40, identifier: 20 };
  const action = { label: "", description: "", identifier: "" };
  for (const name of ["label", "description", "identifier"] as const) {
    const given = isBody(value) ? text(value, name) : undefined;
    if (given === undefined || given.length > limits[name]) {
      throw new Problem(
        422,
        `Invalid request.\n\nactions: ${name} has at most ${limits[name]} characters.`,
      );
    }
    action[name] = given;
  }
  return action;
}
