/** The adapters to GitHub but the push gate: they share credentials, pace and the knowledge that it is down. */
import { openAuth } from "../github/auth.ts";
import { openBreaker } from "../github/breaker.ts";
import { openCalls } from "../github/calls.ts";
import { openForge } from "../github/forge.ts";
import { openPacing } from "../github/pacing.ts";
import { openSecretRegistry } from "../github/secrets.ts";
import { openSurvey } from "../github/survey.ts";
import type { PlaneParts } from "./plane.ts";

export function openGitHub(parts: PlaneParts, stack: AsyncDisposableStack) {
  const { config, app, clock, log, store, identity, fetch } = parts;
  const { elapsed = () => clock.now() } = parts;
  const { github, timings } = config;
  const { patienceMs } = timings;
  const secrets = openSecretRegistry({ ...clock, now: elapsed });
  for (const secret of [...app.webhookSecrets, app.privateKey]) secrets.add(secret);
  const pacing = openPacing({ limits: github.limits, clock, elapsed });
  const auth = openAuth({
    appId: app.id,
    privateKey: app.privateKey,
    baseUrl: github.apiUrl,
    clock,
    secrets,
    elapsed,
    timeoutMs: timings.requestMs,
    observe: (installation, headers) => pacing.observe(installation, headers),
    ...(fetch === undefined ? {} : { fetch }),
  });
  const breaker = openBreaker({
    clock,
    probe: () => auth.app.request("GET /app"),
    probeEveryMs: timings.probeEveryMs,
    onChange: (up) => log.warn({ up }, up ? "GitHub answers again" : "GitHub does not answer"),
  });
  stack.defer(() => breaker.close());
  const forge = openForge({
    auth,
    pacing,
    clock,
    breaker,
    secrets,
    configs: {
      get: (id) => store.lastGoodConfig(id),
      put: (id, sha, good) => store.keepConfig(id, sha, good),
    },
    markerSecret: identity.secret,
    allowedHosts: github.linkHosts,
    patienceMs,
    permissionMaxAgeMs: timings.permissionMaxAgeMs,
    timings: { lookAgainMs: timings.lookAgainMs, healMs: timings.healMs },
    onHealFailed: (error) =>
      log.warn(
        { error: error instanceof Error ? error.message : "unknown failure" },
        "double not looked for",
      ),
  });
  stack.defer(() => forge.close());
  const calls = openCalls({ auth, pacing, clock, patienceMs, breaker });
  const survey = openSurvey({ auth, calls, pacing, clock, forge });
  return { secrets, auth, breaker, forge, survey };
}
