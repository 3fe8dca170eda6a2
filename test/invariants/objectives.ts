/** Invariants 1 to 10: objectives, sessions, slots. */
import type { Objective, Session } from "../../src/domain/objective.ts";
import { isOver } from "../../src/domain/objective.ts";
import { isLive, isTerminal } from "../../src/domain/session.ts";
import { first, type Evidence, type Invariant, type RunnerEvidence } from "./evidence.ts";

const MINUTE_MS = 60_000;

const where = ({ repository, issue, revision }: Objective): string =>
  `${repository.owner}/${repository.name}#${issue.number} r${revision}`;

const sessionsOf = (
  evidence: Evidence,
): readonly { readonly objective: Objective; readonly session: Session }[] =>
  evidence.objectives.flatMap((objective) =>
    objective.sessions.map((session) => ({ objective, session })),
  );

export const oneLiveObjective: Invariant = {
  number: 1,
  name: "an issue has at most one live objective, with one manager",
  when: "always",
  check({ objectives }) {
    const seen = new Set<string>();
    return first(objectives, (objective) => {
      const managers = objective.sessions.filter(({ role }) => role === "manager");
      if (managers.length !== 1) return `${where(objective)} has ${managers.length} managers`;
      if (isOver(objective)) return null;
      const issue = `${objective.repository.id}/${objective.issue.id}`;
      if (seen.has(issue)) return `${where(objective)}: a second live objective`;
      seen.add(issue);
      return null;
    });
  },
};

export const everyLabelHeard: Invariant = {
  number: 1,
  name: "every open issue labelled by somebody who may has an objective",
  when: "settled",
  check: (evidence) =>
    first(evidence.issues, ({ repository, issue }) => {
      const labelled = issue.labels.some(({ name }) => name === evidence.label);
      if (!labelled || issue.state !== "open" || issue.pull !== undefined) return null;
      if (!evidence.installed(repository)) return null;
      const found = evidence.objectives.some((one) => one.issue.id === issue.id);
      return found ? null : `${repository}#${issue.number} is labelled and nobody works on it`;
    }),
};

export const nothingLivesWithoutCause: Invariant = {
  number: 2,
  name: "nothing lives for an issue that is closed, unlabelled or out of reach",
  when: "settled",
  check: (evidence) =>
    first(evidence.objectives, (objective) => {
      if (isOver(objective)) return null;
      const found = evidence.issues.find(({ issue }) => issue.id === objective.issue.id);
      const labelled = found?.issue.labels.some(({ name }) => name === evidence.label) === true;
      if (
        found !== undefined &&
        found.issue.state === "open" &&
        labelled &&
        evidence.installed(found.repository)
      )
        return null;
      return `${where(objective)} is ${objective.state.kind}`;
    }),
};

export const whatIsOverStaysOver: Invariant = {
  number: 3,
  name: "what is over stays over",
  when: "always",
  check(evidence, memory) {
    // A restored backup knows less than what was there.
    const era = `${evidence.restored}/`;
    const absorbed = (id: string, end: string | null): string | null => {
      const before = memory.get(`${era}${id}`);
      if (before !== undefined && before !== end)
        return `${id} was ${before} and is ${end ?? "live"}`;
      if (end !== null) memory.set(`${era}${id}`, end);
      return null;
    };
    return first(evidence.objectives, (objective) => {
      const { id, state, sessions, questions } = objective;
      return (
        absorbed(id, isOver(objective) ? state.kind : null) ??
        first(sessions, (session) =>
          absorbed(session.id, isTerminal(session.state) ? session.state.kind : null),
        ) ??
        first(questions, (question) =>
          absorbed(question.id, question.state.kind === "open" ? null : question.state.kind),
        )
      );
    });
  },
};

export const everyChangeIsAudited: Invariant = {
  number: 3,
  name: "every change of an objective has its row in the audit",
  when: "always",
  check: ({ objectives, audits, revs }) =>
    first(objectives, (objective) => {
      const [rev, rows] = [revs.get(objective.id) ?? 0, audits.get(objective.id) ?? 0];
      return rows >= rev ? null : `${where(objective)} changed ${rev} times, ${rows} rows say why`;
    }),
};

export const oneAttemptAtATime: Invariant = {
  number: 4,
  name: "a session has one process at a time; one that was fenced on a lost runner only until that has answered",
  when: "always",
  check(evidence) {
    const all = evidence.runners.flatMap(({ name: runner, processes }) =>
      processes
        .filter(isKnown(evidence, runner))
        .map((process) => ({ runner, session: process.session, attempt: process.attempt })),
    );
    return first([...Map.groupBy(all, ({ session }) => session)], ([session, processes]) => {
      const newest = Math.max(...processes.map(({ attempt }) => attempt));
      const [one, two] = processes.filter(
        (process) => process.attempt === newest || !isFenced(evidence, process),
      );
      return one === undefined || two === undefined
        ? null
        : `${session} runs as attempt ${one.attempt} on ${one.runner} and ${two.attempt} on ${two.runner}`;
    });
  },
};

/** Nobody has been able to stop it yet. */
const isFenced = (
  { effects }: Evidence,
  { runner, session, attempt }: RunnerEvidence["processes"][number] & { readonly runner: string },
): boolean =>
  effects.some(
    ({ state, effect }) =>
      state === "pending" &&
      effect.kind === "stop-attempt" &&
      effect.runner === runner &&
      effect.session === session &&
      effect.attempt === attempt,
  );

export const fencedPushesNothing: Invariant = {
  number: 4,
  name: "what was fenced pushes nothing",
  when: "always",
  check(evidence, memory) {
    const { effects, restored } = evidence;
    return first(effects, ({ key, state, effect }) => {
      if (effect.kind !== "push-branch" || state !== "done" || memory.has(key)) return null;
      memory.set(key, state);
      const runner = sessionsOf(evidence).find(({ session }) => session.id === effect.session)
        ?.session.runner;
      return runner === effect.runner || restored > 0
        ? null
        : `attempt ${effect.attempt} of ${effect.session} pushed from ${effect.runner}, it is on ${runner}`;
    });
  },
};

export const slotsWhereTheyWork: Invariant = {
  number: 6,
  name: "a session has no slot where it is not",
  when: "always",
  check: (evidence) =>
    first(sessionsOf(evidence), ({ session }) => {
      if (!isLive(session.state) || evidence.restored > 0) return null;
      const held = evidence.holders.get(session.id);
      const { runner, slot } = session.state;
      return held === `${runner}/${slot}` || session.away?.is === "lost"
        ? null
        : `${session.id} works on ${runner}/${slot} and holds ${held ?? "nothing"}`;
    }),
};

export const epochsOnlyGrow: Invariant = {
  number: 4,
  name: "no runner obeys an older control plane",
  when: "always",
  check: ({ runners }) =>
    first(runners, ({ name, begun }) => {
      const back = begun.findIndex(({ epoch }, n) => epoch < (begun[n - 1]?.epoch ?? 0));
      return back === -1
        ? null
        : `${name} started ${begun[back]?.session} for epoch ${begun[back]?.epoch}`;
    }),
};

export const oneWriter: Invariant = {
  number: 4,
  name: "a control plane writes nothing after a newer one took over",
  when: "always",
  check: ({ lateWrites }) => lateWrites[0] ?? null,
};

export const oneOwnerPerPath: Invariant = {
  number: 5,
  name: "a workspace and a branch belong to one session",
  when: "always",
  check({ objectives }) {
    const owners = new Map<string, string>();
    const own = (thing: string, session: string): string | null => {
      const owner = owners.get(thing) ?? session;
      owners.set(thing, owner);
      return owner === session ? null : `${thing} belongs to ${owner} and ${session}`;
    };
    return first(
      objectives,
      ({ sessions, pullRequests, repository }) =>
        first(sessions, ({ id, workspace, runner }) =>
          workspace === null ? null : own(`${runner}:${workspace.path}`, id),
        ) ??
        first(pullRequests, ({ branch, session }) => own(`${repository.id}:${branch}`, session)),
    );
  },
};

export const withinSlots: Invariant = {
  number: 6,
  name: "a runner has no more sessions than slots",
  when: "always",
  check: (evidence) =>
    first(evidence.runners, ({ name, slots: most, processes }) => {
      const taken = evidence.slots.get(name) ?? 0;
      if (taken > most) return `${name} has ${taken} of ${most} slots taken`;
      const running = processes.filter(isKnown(evidence, name)).length;
      return running > most ? `${name} runs ${running} with ${most} slots` : null;
    }),
};

/** What was started after a backup runs on until its runner is heard of: the restored database does not know it. */
const isKnown =
  (evidence: Evidence, runner: string) =>
  ({ session, attempt }: RunnerEvidence["processes"][number]): boolean =>
    evidence.restored === 0 ||
    sessionsOf(evidence).some(
      ({ session: known }) =>
        known.id === session && known.runner === runner && known.attempt >= attempt,
    );

export const dependenciesFirst: Invariant = {
  number: 7,
  name: "a session starts only after those it depends on have reported",
  when: "always",
  check: (evidence) =>
    first(sessionsOf(evidence), ({ objective, session }) => {
      if (session.attempt === 0) return null;
      const early = session.dependsOn.find(
        (id) => !hasReported(objective.sessions.find((one) => one.id === id)),
      );
      return early === undefined
        ? null
        : `${where(objective)}: ${session.title} started before ${early} reported`;
    }),
};

/** One whose pull request was merged before it reported has nothing left to report. */
const hasReported = (session: Session | undefined): boolean =>
  session !== undefined && (session.result !== null || session.state.kind === "succeeded");

const MOST = { sessions: 101, questions: 21, problems: 50 };

export const withinLimits: Invariant = {
  number: 8,
  name: "no objective has more sessions, questions or problems than allowed",
  when: "always",
  check: ({ objectives }) =>
    first(objectives, (objective) => {
      const open = objective.questions.filter(({ state }) => state.kind === "open").length;
      if (objective.sessions.length > MOST.sessions)
        return `${where(objective)} has ${objective.sessions.length} sessions`;
      if (open > MOST.questions) return `${where(objective)} has ${open} open questions`;
      return first(objective.sessions, ({ title, problems = 0 }) =>
        problems > MOST.problems ? `${title} reported ${problems} problems` : null,
      );
    }),
};

export const noOrphans: Invariant = {
  number: 9,
  name: "when everything was answered and merged, every objective is over and no session waits",
  when: "settled",
  check: ({ objectives }) =>
    first(objectives, (objective) => {
      const waiting = objective.sessions.find(({ state }) => !isTerminal(state));
      if (isOver(objective) && waiting === undefined) return null;
      const states = objective.sessions
        .map(({ title, state }) => `${title}: ${state.kind}`)
        .join(", ");
      const pulls = objective.pullRequests
        .map(({ number, state }) => `#${number} ${state}`)
        .join(", ");
      const open = objective.questions
        .filter(({ state }) => state.kind === "open")
        .map(
          ({ number, about, url }) =>
            `question ${number} ${about.kind} ${url === null ? "not posted" : ""}`,
        )
        .join(", ");
      return `${where(objective)} is ${objective.state.kind}; ${states}; ${pulls}; ${open}`;
    }),
};

export const workConserving: Invariant = {
  number: 10,
  name: "a session that may run gets a free slot within a minute",
  when: "always",
  check(evidence, memory) {
    const { now, runners, slots, claimed, upMs } = evidence;
    const free = runners.some(
      ({ name, slots: most }) => !evidence.away.has(name) && (slots.get(name) ?? 0) < most,
    );
    const ready = sessionsOf(evidence).find(
      ({ objective, session }) =>
        !isOver(objective) &&
        session.state.kind === "queued" &&
        !claimed.has(session.id) &&
        session.hold === null &&
        session.pin === null &&
        session.runner === null &&
        session.dependsOn.every(
          (id) => objective.sessions.find((one) => one.id === id)?.result != null,
        ),
    );
    const since = Number(memory.get("ready") ?? now);
    if (!free || ready === undefined || upMs < 2 * MINUTE_MS) memory.delete("ready");
    else memory.set("ready", String(since));
    return memory.has("ready") && now - since > 2 * MINUTE_MS
      ? `${ready?.session.title} waits although a slot is free`
      : null;
  },
};

export const noProcessOfTheDead: Invariant = {
  number: 29,
  name: "nothing runs for a session that is over",
  when: "settled",
  check: (evidence) =>
    first(evidence.runners, ({ name, processes }) =>
      first(processes, ({ session, attempt }) => {
        const found = sessionsOf(evidence).find((one) => one.session.id === session);
        const live = found !== undefined && isLive(found.session.state);
        return live && found.session.runner === name
          ? null
          : `${name} still runs attempt ${attempt} of ${session}`;
      }),
    ),
};
