/** Check suites and check runs as GitHub's JSON has them. */
import type { Hub } from "../hub.ts";
import type { CheckRun, CheckSuite, Pull, Repository } from "../model.ts";
import { appShape, type Json } from "./account.ts";
import { minimalRepositoryShape, repositoryApi, repositoryPage } from "./repository.ts";
import { iso } from "./time.ts";

export function checkRunShape(hub: Hub, repository: Repository, run: CheckRun): Json {
  const url = `${repositoryApi(hub, repository)}/check-runs/${run.id}`;
  const page = `${repositoryPage(hub, repository)}/runs/${run.id}`;
  return {
    id: run.id,
    name: run.name,
    node_id: run.nodeId,
    head_sha: run.headSha,
    external_id: run.externalId,
    url,
    html_url: page,
    details_url: run.detailsUrl ?? page,
    status: run.status,
    conclusion: run.conclusion ?? null,
    started_at: iso(run.startedAtMs),
    completed_at: iso(run.completedAtMs),
    output: {
      title: run.output.title ?? null,
      summary: run.output.summary ?? null,
      text: run.output.text ?? null,
      annotations_count: run.output.annotations.length,
      annotations_url: `${url}/annotations`,
    },
    check_suite: { id: run.suite.id },
    app: appShape(hub, run.suite.app),
    pull_requests: pullsWith(hub, repository, run.headSha),
  };
}

/** A check run as its own events have it: with the whole suite. */
export function checkRunEventShape(hub: Hub, repository: Repository, run: CheckRun): Json {
  return {
    ...checkRunShape(hub, repository, run),
    check_suite: suiteBase(hub, repository, run.suite),
  };
}

/** A check suite as its own events have it. */
export function checkSuiteEventShape(hub: Hub, repository: Repository, suite: CheckSuite): Json {
  const runs = [...repository.checkRuns.values()].filter((run) => run.suite === suite);
  return {
    ...suiteBase(hub, repository, suite),
    latest_check_runs_count: runs.length,
    check_runs_url: `${repositoryApi(hub, repository)}/check-suites/${suite.id}/check-runs`,
    head_commit: {
      id: suite.headSha,
      tree_id: suite.headSha,
      message: "",
      timestamp: iso(suite.createdAtMs),
      author: { name: "", email: "" },
      committer: { name: "", email: "" },
    },
  };
}

export function suiteConclusion(repository: Repository, suite: CheckSuite): string | null {
  const runs = [...repository.checkRuns.values()].filter((run) => run.suite === suite);
  if (runs.length === 0 || runs.some((run) => run.status !== "completed")) return null;
  const bad = runs.find((run) => !["success", "neutral", "skipped"].includes(run.conclusion ?? ""));
  return bad?.conclusion ?? "success";
}

function suiteBase(hub: Hub, repository: Repository, suite: CheckSuite): Json {
  const conclusion = suiteConclusion(repository, suite);
  return {
    id: suite.id,
    node_id: suite.nodeId,
    head_branch: suite.headBranch ?? null,
    head_sha: suite.headSha,
    status: conclusion === null ? "queued" : "completed",
    conclusion,
    url: `${repositoryApi(hub, repository)}/check-suites/${suite.id}`,
    before: null,
    after: suite.headSha,
    pull_requests: pullsWith(hub, repository, suite.headSha),
    app: appShape(hub, suite.app),
    created_at: iso(suite.createdAtMs),
    updated_at: iso(suite.updatedAtMs),
    repository: minimalRepositoryShape(hub, repository),
  };
}

function pullsWith(hub: Hub, repository: Repository, sha: string): Json[] {
  const found: Json[] = [];
  for (const { pull, state } of repository.issues.values()) {
    if (pull?.headSha === sha && state === "open") found.push(tinyPull(hub, repository, pull));
  }
  return found;
}

function tinyPull(hub: Hub, repository: Repository, pull: Pull): Json {
  const url = repositoryApi(hub, repository);
  const repo = { id: repository.id, url, name: repository.name };
  return {
    url: `${url}/pulls/${pull.issue.number}`,
    id: pull.id,
    number: pull.issue.number,
    head: { ref: pull.headRef, sha: pull.headSha, repo },
    base: { ref: pull.baseRef, sha: pull.baseSha, repo },
  };
}
