/** The adapters to GitHub but the push gate: they share credentials, pace and the knowledge that it is down. */
import { questionId } from "../domain/id.ts";
import { openAuth } from "../github/auth.ts";
import { openBreaker } from "../github/breaker.ts";
import { openCalls } from "../github/calls.ts";
import type { Found } from "../github/find-comments.ts";
import { FOREIGN_MARKS, openForeign, type ForeignMarks } from "../github/foreign.ts";
import { openForge } from "../github/forge.ts";
import type { Suspect, SuspectStore } from "../github/heal.ts";
import { openLedger, type LedgerStore } from "../github/ledger.ts";
import { isForeign } from "../github/marker.ts";
import { ADMIN, READ } from "../github/cost.ts";
import { heedful } from "../github/own.ts";
import { openPacing, takeTurn } from "../github/pacing.ts";
import type { RepositoryConfigs } from "../github/repository-config.ts";
import { openSecretRegistry } from "../github/secrets.ts";
import { openSurvey, type SurveyOptions } from "../github/survey.ts";
import type { PlaneParts } from "./plane.ts";

export function openGitHub(
  parts: PlaneParts,
  agents: readonly string[],
  stack: AsyncDisposableStack,
) {
  const { config, app, clock, log, store, identity, fetch } = parts;
  const { elapsed = () => clock.now(), pressure = () => "ok" } = parts;
  const { github, timings, agent } = config;
  const { patienceMs, requestMs: flightMs } = timings;
  const secrets = openSecretRegistry({ ...clock, now: elapsed });
  for (const secret of [...app.webhookSecrets, app.privateKey]) secrets.add(secret);
  const ledger = openLedger(ledgerStore(store), clock);
  const pacing = openPacing({ limits: github.limits, clock, elapsed, ledger, flightMs });
  const auth = openAuth({
    appId: app.id,
    privateKey: app.privateKey,
    baseUrl: github.apiUrl,
    clock,
    secrets,
    elapsed,
    timeoutMs: timings.requestMs,
    turn: (installation, method) => {
      const cost = method === "GET" ? READ : ADMIN;
      return takeTurn(pacing, installation, { ...cost, priority: 0 }, patienceMs);
    },
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
  const foreign = openForeignMarks(parts);
  const forge = openForge({
    auth,
    pacing,
    clock,
    elapsed,
    breaker,
    secrets,
    configs: configsOf(store, { agents, agent }),
    markerSecret: identity.secret,
    allowedHosts: github.linkHosts,
    patienceMs,
    permissionMaxAgeMs: timings.permissionMaxAgeMs,
    timings: { lookAgainMs: timings.lookAgainMs, healMs: timings.healMs },
    hasRoom: () => pressure() === "ok",
    epoch: identity.epoch,
    suspects: marksUnder(store, "heal:"),
    onHealed: (suspect, kept) => healed(parts, suspect, kept),
    onForeign: (repository, url) => foreign.saw(repository, url),
    onHealFailed: (error) => log.warn(messageOf(error), "double not looked for"),
  });
  stack.defer(() => forge.close());
  const calls = openCalls({ auth, pacing, clock, patienceMs, breaker });
  const onOwn: SurveyOptions["onOwn"] = (repository, { body, url }) => {
    if (isForeign(body, identity.secret)) foreign.saw(repository, url);
  };
  const paced = heedful(auth, { breaker, pacing });
  const survey = openSurvey({ auth: paced, calls, pacing, clock, forge, onOwn });
  return { secrets, auth, breaker, calls, forge, survey, foreign };
}

const openForeignMarks = ({ store, clock, log }: PlaneParts): ForeignMarks =>
  openForeign({
    store: marksUnder(store, FOREIGN_MARKS),
    now: () => clock.now(),
    onFirst: ({ owner, name }, url) =>
      log.warn(
        { repository: `${owner}/${name}`, url },
        "another installation of this App works here too, or this one lost its data directory",
      ),
    onFailed: (error) => log.warn(messageOf(error), "foreign marker not noted"),
  });

/** The copy that is left is the one that answers are compared with. */
async function healed(
  { store, clock, log }: PlaneParts,
  suspect: Suspect,
  kept: Found,
): Promise<void> {
  const { repository, key } = suspect;
  log.info(
    { repository: `${repository.owner}/${repository.name}`, kept: kept.url },
    "double removed",
  );
  if (suspect.kind === "reply" || suspect.question === null) return;
  const question = questionId(suspect.question);
  const event = { kind: "question-posted", question, comment: kept.id, url: kept.url } as const;
  const subject = { kind: "issue", number: suspect.number } as const;
  await store.enqueue([{ key: `heal:${key}`, repository, subject, event }], clock.now());
}

const messageOf = (error: unknown): { readonly error: string } => ({
  error: error instanceof Error ? error.message : "unknown failure",
});

/** The store's marks below a prefix. */
const marksUnder = (store: PlaneParts["store"], prefix: string): SuspectStore => ({
  async all() {
    const found = await store.marks(prefix);
    return new Map([...found].map(([key, value]) => [key.slice(prefix.length), value]));
  },
  put: (key, value) => store.setMark(prefix + key, value),
  forget: (key) => store.setMark(prefix + key, null),
});

const ledgerStore = (store: PlaneParts["store"]): LedgerStore => ({
  read: (key) => store.mark(`spent:${key}`),
  write: (key, value) => store.setMark(`spent:${key}`, value),
});

const configsOf = (
  store: PlaneParts["store"],
  known: Pick<RepositoryConfigs, "agents" | "agent">,
): RepositoryConfigs => ({
  ...known,
  get: (id) => store.lastGoodConfig(id),
  put: (id, sha, good) => store.keepConfig(id, sha, good),
});
