/** The adapters to GitHub and the runners, over a clock, a network and a store that are given. */
import { driverNamed } from "../agents/registry.ts";
import { openFleet } from "../fleet/fleet.ts";
import { openAuth } from "../github/auth.ts";
import { cloneUrl, readCredential } from "../github/credentials.ts";
import { openForge } from "../github/forge.ts";
import { openPacing } from "../github/pacing.ts";
import { openPushGate } from "../github/push-gate.ts";
import { openSecretRegistry } from "../github/secrets.ts";
import { openRedactor } from "../markdown/redact.ts";
import type { PlaneParts } from "./plane.ts";

export type Adapters = ReturnType<typeof openAdapters>;

export function openAdapters(parts: PlaneParts, stack: AsyncDisposableStack) {
  const { config, app, clock, log, store, identity, links, fetch, quarantine } = parts;
  const { github, dataDir, timings } = config;
  const secrets = openSecretRegistry(clock);
  for (const secret of [...app.webhookSecrets, app.privateKey]) secrets.add(secret);
  const pacing = openPacing({ limits: github.limits, clock });
  const auth = openAuth({
    appId: app.id,
    privateKey: app.privateKey,
    baseUrl: github.apiUrl,
    clock,
    secrets,
    timeoutMs: timings.requestMs,
    observe: (installation, headers) => pacing.observe(installation, headers),
    ...(fetch === undefined ? {} : { fetch }),
  });
  const forge = openForge({
    auth,
    pacing,
    clock,
    secrets,
    configs: {
      get: (id) => store.lastGoodConfig(id),
      put: (id, sha, good) => store.keepConfig(id, sha, good),
    },
    markerSecret: identity.secret,
    allowedHosts: github.linkHosts,
    patienceMs: timings.patienceMs,
    permissionMaxAgeMs: timings.permissionMaxAgeMs,
    timings: { lookAgainMs: timings.lookAgainMs, healMs: timings.healMs },
    onHealFailed: (error) =>
      log.warn(
        { error: error instanceof Error ? error.message : "unknown failure" },
        "double not looked for",
      ),
  });
  stack.defer(() => forge.close());
  const fleet = openFleet({
    link: (name) => links.get(name),
    driver: driverNamed,
    cloneUrl: (repository) => cloneUrl(github.webUrl, repository),
    credential: (repository) => readCredential(auth, repository),
  });
  const gate = openPushGate({
    auth,
    clock,
    gitUrl: github.webUrl,
    gitTimeoutMs: timings.gitMs,
    dataDirectory: dataDir,
    exportBundle: (effect) => fleet.exportBundle(effect),
    pullRequestState: async (repository, number) =>
      (await forge.read(repository, [{ kind: "pull-request", number }])).pullRequest?.state ?? null,
    ...(quarantine === undefined ? {} : { quarantine }),
  });
  const redactor = openRedactor(() => secrets.values());
  return { forge, gate, auth, fleet, redact: (line: Uint8Array) => redactor.line(line) };
}
