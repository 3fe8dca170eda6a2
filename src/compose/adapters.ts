/** The adapters to GitHub and the runners, over a clock, a network and a store that are given. */
import { openCatalog } from "../agents/catalog.ts";
import type { PushGate } from "../engine/ports.ts";
import { openFleet } from "../fleet/fleet.ts";
import { ownPullRequestAt } from "../github/at-head.ts";
import type { Breaker } from "../github/breaker.ts";
import { cloneUrl, readCredential } from "../github/credentials.ts";
import { openPushGate } from "../github/push-gate.ts";
import { openRedactor } from "../markdown/redact.ts";
import { openGitHub } from "./github.ts";
import type { PlaneParts } from "./plane.ts";

export type Adapters = ReturnType<typeof openAdapters>;

export function openAdapters(parts: PlaneParts, stack: AsyncDisposableStack) {
  const { config, clock, links, quarantine } = parts;
  const { github, dataDir, timings } = config;
  const agents = openCatalog(config.agents);
  const { secrets, auth, breaker, calls, forge, survey, foreign } = openGitHub(
    parts,
    agents.names,
    stack,
  );
  const fleet = openFleet({
    link: (name) => links.get(name),
    agent: (name) => agents.named(name),
    agents: agents.names,
    cloneUrl: (repository) => cloneUrl(github.webUrl, repository),
    credential: (repository) => readCredential(auth, repository),
  });
  const gate = openPushGate({
    auth,
    clock,
    placeOf: (session) => parts.store.placeOf(session),
    gitUrl: github.webUrl,
    gitTimeoutMs: timings.gitMs,
    dataDirectory: dataDir,
    exportBundle: (effect) => fleet.exportBundle(effect),
    pullRequest: async (repository, number) =>
      (await forge.read(repository, [{ kind: "pull-request", number }])).pullRequest ?? null,
    pullRequestAt: (repository, branch) => ownPullRequestAt({ auth, calls }, repository, branch),
    ...(quarantine === undefined ? {} : { quarantine }),
  });
  const redactor = openRedactor(() => secrets.values());
  const redact = (line: Uint8Array) => redactor.line(line);
  return {
    forge,
    gate: guarded(gate, breaker),
    auth,
    breaker,
    survey,
    foreign,
    fleet,
    redact,
    agents,
  };
}

/** While GitHub is down nothing is pushed, and no try is used up. */
const guarded = (gate: PushGate, breaker: Breaker): PushGate => ({
  async push(effect, attempt) {
    const afterMs = breaker.waitMs();
    return afterMs === null
      ? gate.push(effect, attempt)
      : { kind: "later", reason: "GitHub does not answer", afterMs };
  },
});
