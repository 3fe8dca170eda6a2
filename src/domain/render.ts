/**
 * Every text we post, as typed parts. Takes no clock: "since 14:05 UTC", never an age, so that the same
 * state always gives the same text.
 */
import { behindWords } from "./behind.ts";
import type { HeldReply, Objective, PullRequest, Question, Result, Session } from "./objective.ts";
import { boundTo, isStranded } from "./away.ts";
import { openQuestions, pullRequestOf } from "./objective.ts";
import { unmet } from "./plan.ts";
import { reasonWords } from "./reason.ts";
import { isTerminal } from "./session.ts";
import type { Rules } from "./step.ts";
import type { Block, Inline, Text } from "./text.ts";
import { clock } from "./time.ts";
import { spentOn, usageWords } from "./usage.ts";

const text = (value: string): Inline => ({ kind: "text", text: value });
const strong = (value: string): Inline => ({ kind: "strong", text: value });
const code = (value: string): Inline => ({ kind: "code", text: value });
const link = (value: string, url: string): Inline => ({ kind: "link", text: value, url });
const reference = (number: number): Inline => ({ kind: "reference", number });
const mention = (login: string): Inline => ({ kind: "mention", login });
const paragraph = (...inlines: readonly Inline[]): Block => ({ kind: "paragraph", inlines });
const list = (items: readonly (readonly Inline[])[], ordered = false): Block => ({
  kind: "list",
  ordered,
  items,
});

/** The one comment that says who works on what, what they need, what changed and where it runs. */
export function statusText(objective: Objective): Text {
  const { sessions, ignored, pullRequests } = objective;
  const blocks: Block[] = [
    paragraph(strong(headline(objective))),
    {
      kind: "table",
      header: [
        [text("Session")],
        [text("State")],
        [text("Runner")],
        [text("Branch")],
        [text("Pull request")],
        [text("Since")],
      ],
      rows: sessions.map((session) => sessionRow(objective, session)),
    },
  ];
  const needs = openQuestions(objective);
  if (needs.length > 0)
    blocks.push(
      paragraph(strong("Needs you:")),
      list(needs.map((question) => questionLine(objective, question))),
    );
  const changed = pullRequests.filter(({ number }) => number !== null);
  if (changed.length > 0)
    blocks.push(paragraph(strong("Changed:")), list(changed.map((pull) => changeLine(pull))));
  blocks.push(...planBlocks(objective));
  const working = sessions.flatMap(({ title, progress }): readonly Block[] =>
    progress === null ? [] : [paragraph(strong(title)), { kind: "agent", text: progress }],
  );
  if (working.length > 0)
    blocks.push({
      kind: "details",
      summary: [text("What they say")],
      blocks: working,
    });
  const notes = [...new Set(sessions.flatMap((session) => session.notes ?? []))];
  if (notes.length > 0)
    blocks.push(paragraph(strong("About the checkouts:")), list(notes.map((note) => [text(note)])));
  const spoken = sessions.flatMap(({ title, said }) =>
    said === undefined
      ? []
      : [[text(`${title}: ${said.count} by ${said.by}, the newest at ${clock(said.at)}`)]],
  );
  if (spoken.length > 0) blocks.push(paragraph(strong("Lines typed on the server:")), list(spoken));
  const spent = spentOn(objective);
  if (spent !== null) blocks.push(paragraph(text(`Spent: ${usageWords(spent)}.`)));
  if (ignored > 0)
    blocks.push(
      paragraph(
        text(
          `${ignored} ${ignored === 1 ? "text" : "texts"} by people without write permission did not reach the agents.`,
        ),
      ),
    );
  return blocks;
}

/** Nobody has to agree to it. */
function planBlocks({ plan }: Objective): readonly Block[] {
  if (plan === undefined) return [];
  const { sessions, risks, questions } = plan;
  const more = (title: string, words: readonly string[]): readonly Block[] =>
    words.length === 0 ? [] : [paragraph(strong(title)), list(words.map((one) => [text(one)]))];
  return [
    {
      kind: "details",
      summary: [text("The plan")],
      blocks: [
        list(sessions.map(({ title, goal }) => [strong(title), text(`: ${goal}`)])),
        ...more("Risks:", risks),
        ...more("Open questions:", questions),
      ],
    },
  ];
}

function headline(objective: Objective): string {
  const { state, sessions } = objective;
  const open = openQuestions(objective).length;
  switch (state.kind) {
    case "succeeded":
      return `Done at ${clock(state.at)}.`;
    case "canceled":
      return `Canceled at ${clock(state.at)}: ${state.reason}.`;
    case "finishing":
      return "Everything is merged; the summary is being written.";
    case "active":
      if (open > 0)
        return `Waiting for you: ${open} open ${open === 1 ? "question" : "questions"}.`;
      return `${sessions.filter((session) => session.state.kind === "running").length} of ${sessions.length} sessions at work.`;
  }
}

function sessionRow(objective: Objective, session: Session): readonly (readonly Inline[])[] {
  const pull = pullRequestOf(objective, session.id);
  const state = session.state;
  const runner = "runner" in state ? state.runner : session.runner;
  return [
    [strong(session.title)],
    [text(statusWords(objective, session))],
    [text(runner ?? "–")],
    pull === undefined ? [text("–")] : [code(pull.branch)],
    pullCell(pull),
    [text(clock(state.since))],
  ];
}

function pullCell(pull: PullRequest | undefined): readonly Inline[] {
  if (pull === undefined || pull.number === null) return [text("–")];
  return [reference(pull.number), text(` ${pull.state}`)];
}

/** The same, with how old its checkout is. */
export function statusWords(objective: Objective, session: Session): string {
  const behind = behindWords(objective.defaultBranch, session);
  const state = stateWords(objective, session);
  return behind === null ? state : `${state}, ${behind}`;
}

/** The state as people say it, with what it waits for. */
export function stateWords(objective: Objective, session: Session): string {
  const where = awayWords(objective, session);
  const words = `${ownWords(objective, session)}${insteadWords(session)}`;
  return where === null ? words : `${words}; ${where}`;
}

/** Another agent has it than the one that was asked for. */
function insteadWords({ past = [], agent, state }: Session): string {
  const first = past[0]?.agent ?? agent;
  return first === agent || isTerminal(state) ? "" : ` (${agent} instead of ${first})`;
}

/** Its machine cannot be reached, or takes nothing any more: since when, and what becomes of it. */
function awayWords(objective: Objective, session: Session): string | null {
  const { away, runner, pin, state } = session;
  if (away === undefined || away === null || isTerminal(state)) return null;
  const since = `since ${clock(away.since)}`;
  const works = state.kind === "running" || state.kind === "starting";
  switch (away.is) {
    case "unreachable":
      return `${runner} cannot be reached ${since}${works ? ", the agent works on there" : ""}`;
    case "lost":
      if (pin !== null) return `${runner} is lost ${since}, and it waits for it`;
      return isStranded(objective, session)
        ? `${runner} is lost ${since}, it goes on elsewhere as soon as there is a slot`
        : `${runner} is lost ${since}`;
    case "disabled":
      return `${runner} is disabled ${since}`;
  }
}

function ownWords(objective: Objective, session: Session): string {
  const { state } = session;
  switch (state.kind) {
    case "queued":
      return `queued, waits for ${waitsFor(objective, session)}`;
    case "stopping":
      return state.into === "park" ? "ending its turn" : "stopping";
    case "idle":
      return session.result === null ? "idle" : "reported";
    case "waiting_user":
      return "waits for an answer";
    case "waiting_limit":
      return `back at ${clock(state.until)}: ${state.reason}`;
    case "paused":
      return `taken over by ${state.by} since ${clock(state.since)}`;
    case "failed":
      return `failed: ${state.reason}`;
    case "canceled":
      return `canceled: ${state.by}`;
    case "starting":
    case "running":
      return session.takeover
        ? `${state.kind}; ${session.takeover.by} takes it over when its turn ends`
        : `${state.kind}${deliveryWords(session)}`;
    case "succeeded":
      return session.verdict === undefined ? state.kind : VERDICTS[session.verdict.verdict];
  }
}

/** Whether what was said to it has reached it, when it was said in the middle of a turn. */
function deliveryWords({ mailbox, steeredAt = null }: Session): string {
  const waiting = mailbox.filter(({ queued }) => queued === true).length;
  if (waiting > 0)
    return `; ${waiting} ${waiting === 1 ? "message waits" : "messages wait"} for the end of its turn`;
  return steeredAt === null
    ? ""
    : `; the newest message was delivered at once, ${clock(steeredAt)}`;
}

const VERDICTS = {
  approve: "has approved",
  request_changes: "wants changes",
  comment: "has commented",
} as const;

function waitsFor(objective: Objective, session: Session): string {
  const missing = unmet(objective, session);
  if (missing.length > 0) return missing.map(({ title }) => title).join(", ");
  const on = boundTo(session);
  const slot = on === null ? "a free slot" : `a free slot on ${on}`;
  const { waits } = session;
  return waits === undefined || waits === null ? slot : `${slot}: ${reasonWords(waits.reason)}`;
}

function questionLine(objective: Objective, question: Question): readonly Inline[] {
  const asker = askerOf(objective, question);
  const label = `Question ${question.number}`;
  return [
    question.url === null ? strong(label) : link(label, question.url),
    text(` by ${asker}, since ${clock(question.askedAt)}`),
  ];
}

const askerOf = (objective: Objective, question: Question): string =>
  objective.sessions.find(({ id }) => id === question.session)?.title ?? "Orcha";

function changeLine(pull: PullRequest): readonly Inline[] {
  return [...pullCell(pull), text(": "), text(pull.title)];
}

export function questionText(objective: Objective, question: Question, asker: string | null): Text {
  const blocks: Block[] = [
    paragraph(
      mention(objective.startedBy.login),
      text(" "),
      strong(`Question ${question.number}`),
      text(asker === null ? ":" : ` from ${asker}:`),
    ),
    { kind: "agent", text: question.text },
  ];
  if (question.context !== null) blocks.push({ kind: "agent", text: question.context });
  if (question.options.length > 0)
    blocks.push(
      list(
        question.options.map((option) => [text(option)]),
        true,
      ),
    );
  const several = openQuestions(objective).length > 1;
  blocks.push(
    paragraph(
      text(
        several
          ? `Just reply, starting with “${question.number}:” or quoting the question, because several are open.`
          : "Just reply to this issue.",
      ),
    ),
  );
  return blocks;
}

export function pullRequestText(
  objective: Objective,
  session: Session,
  body: string | null,
  rules: Rules,
): Text {
  const { result } = session;
  const blocks: Block[] = [];
  if (body !== null) blocks.push({ kind: "agent", text: body });
  if (result === null)
    blocks.push(paragraph(text("The worker has not reported its result yet; this is a draft.")));
  else blocks.push(...resultBlocks(result));
  blocks.push(
    paragraph(
      text("Part of "),
      reference(objective.issue.number),
      text(`. Made by session `),
      code(session.title),
      text(` on runner ${session.runner ?? "–"}, asked for by ${objective.startedBy.login}.`),
    ),
  );
  if (rules.unsafeNotice !== null) blocks.push(paragraph(strong(rules.unsafeNotice)));
  return blocks;
}

function resultBlocks(result: Result): readonly Block[] {
  const blocks: Block[] = [
    { kind: "heading", depth: 3, inlines: [text("What")] },
    { kind: "agent", text: result.what },
    { kind: "heading", depth: 3, inlines: [text("Why")] },
    { kind: "agent", text: result.why },
    { kind: "heading", depth: 3, inlines: [text("Tests")] },
    result.tests.length === 0
      ? paragraph(text("None were run."))
      : list(
          result.tests.map(({ command, exitCode }) => [
            code(command),
            text(exitCode === 0 ? " passed" : ` failed with exit code ${exitCode}`),
          ]),
        ),
  ];
  if (result.notes !== null)
    blocks.push(
      { kind: "heading", depth: 3, inlines: [text("Notes")] },
      { kind: "agent", text: result.notes },
    );
  return blocks;
}

export const agentText = (title: string, words: string): Text => [
  paragraph(strong(title), text(":")),
  { kind: "agent", text: words },
];

/** Replies to a review whose commits were refused, said in one comment with the reason. */
export const notPushedText = (
  { title }: Session,
  replies: readonly HeldReply[],
  reason: string,
): Text => [
  paragraph(strong(title), text(":")),
  ...replies.map(({ text: words }): Block => ({ kind: "agent", text: words })),
  paragraph(strong("The commits for this were not pushed:")),
  { kind: "agent", text: reason },
];

export const summaryText = (objective: Objective, summary: string): Text => [
  paragraph(strong("Done.")),
  { kind: "agent", text: summary },
  ...(objective.pullRequests.length === 0 ? [] : [list(objective.pullRequests.map(changeLine))]),
];

/** Used when the manager writes none. */
export function renderedSummary(objective: Objective): string {
  const merged = objective.pullRequests.filter(({ state }) => state === "merged").length;
  const workers = objective.sessions.filter(({ role }) => role === "worker").length;
  return `${workers} ${workers === 1 ? "worker" : "workers"}, ${merged} ${merged === 1 ? "pull request" : "pull requests"} merged.`;
}

export const refusalText = (login: string, label: string): Text => [
  paragraph(
    text(`${login}, the label `),
    code(label),
    text(" starts work only when somebody with write permission adds it."),
  ),
];

export const configProblemText = (problem: {
  readonly line: number | null;
  readonly message: string;
}): Text => [
  paragraph(
    code(".github/orcha.yml"),
    text(
      `${problem.line === null ? "" : ` line ${problem.line}`}: ${problem.message}. The last good configuration stays in force.`,
    ),
  ),
];

export const loginText = (agent: string, runner: string, reason: string): Text => [
  paragraph(
    strong(`${agent} is not logged in on ${runner}.`),
    text(" Whoever runs this server has to log it in there, as the user that agents run as. "),
    text("It is tried again every hour, and at once when somebody comments here."),
  ),
  { kind: "agent", text: reason },
];

export const problemText = (session: Session, words: string): Text => [
  paragraph(strong(session.title), text(" hit a problem:")),
  { kind: "agent", text: words },
];
