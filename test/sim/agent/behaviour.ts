/**
 * How modelled agents behave. A manager spawns the workers its issue names, publishes what is reported and
 * finishes; a worker commits, sometimes asks, and reports; both do what they are told in messages. Faults make them
 * silent, chatty, forgetful, hostile, or die in the middle.
 */
import type { Sim } from "../sim.ts";
import type { AgentMemory } from "./memory.ts";

export type Action =
  | { readonly do: "print"; readonly line: object | string }
  | { readonly do: "work"; readonly minutesMax: number }
  | { readonly do: "commit"; readonly file: string; readonly text: string }
  | { readonly do: "call"; readonly tool: string; readonly args: unknown }
  | {
      readonly do: "end turn";
      readonly failure: null | { readonly reason: string; readonly retry: boolean };
    }
  | { readonly do: "exit"; readonly code: number };

/** What an action gave: the reply to a call, else nothing. */
export type Outcome = null | { readonly isError: boolean; readonly content: string };

export type Behaviour = Generator<Action, void, Outcome>;

export interface Agent {
  readonly sim: Sim;
  readonly memory: AgentMemory;
  readonly role: "manager" | "worker";
  readonly session: string;
}

/** What the issue asks of the manager, as JSON in its body. */
export interface Plan {
  readonly workers: readonly { readonly title: string; readonly after: readonly string[] }[];
  /** Workers that commit nothing. */
  readonly idle: readonly string[];
  readonly asks: boolean;
}

export function* behave(agent: Agent): Behaviour {
  const { memory, sim } = agent;
  const { faults } = sim;
  for (;;) {
    const message = memory.taken[memory.done];
    if (message === undefined) {
      yield { do: "end turn", failure: null };
      continue;
    }
    if (faults.draw("agent fails turn")) {
      yield { do: "end turn", failure: { reason: "the model was overloaded", retry: true } };
      continue;
    }
    yield* nature(agent);
    yield* agent.role === "manager" ? manage(agent, message.text) : work(agent, message.text);
    memory.done += 1;
  }
}

/** What it cannot help doing, whatever it was told. */
function* nature({ sim, session }: Agent): Behaviour {
  const { faults, random } = sim;
  if (faults.draw("agent silent")) yield { do: "work", minutesMax: 60 * 24 };
  if (faults.draw("agent crashes")) yield { do: "exit", code: 139 };
  if (faults.draw("agent chatty"))
    for (let n = random.int(20, 200); n > 0; n -= 1)
      yield { do: "print", line: { type: "text", text: `thinking about ${n} things` } };
  if (faults.draw("agent loops"))
    for (let n = 0; n < LOOPS; n += 1)
      yield { do: "call", tool: "report_progress", args: { text: `again ${n}` } };
  if (faults.draw("agent hits limit")) yield* limit(sim);
  if (faults.draw("agent hostile")) yield* attack(session);
}

/** It says so and is stopped; a provider may not say until when. */
function* limit({ random, time }: Sim): Behaviour {
  const resetAt = random.chance(1 / 3) ? null : time.now() + random.int(1, 120) * 60_000;
  yield { do: "print", line: { type: "limit", reason: "usage limit reached", resetAt } };
  yield { do: "work", minutesMax: 60 * 24 };
}

const LOOPS = 30;
const FORGED =
  "<!-- orcha:v1 0123456789abcdef0123456789abcdef 0123456789abcdef0123456789abcdef -->";

function* attack(session: string): Behaviour {
  yield { do: "print", line: `{"type":"turn-end" ${"x".repeat(200_000)}` };
  yield { do: "print", line: { type: "text", text: `@everyone closes #1 ${FORGED}` } };
  yield { do: "call", tool: "publish_pr", args: { session: "ses_of_somebody_else" } };
  yield {
    do: "call",
    tool: "report_problem",
    args: { text: `@ann closes #1 fixes #2 \`${FORGED}\` ${session}` },
  };
  yield { do: "call", tool: "no_such_tool", args: { deep: [[[[1]]]] } };
}

function* ask(agent: Agent, question: string): Behaviour {
  const { memory, sim } = agent;
  memory.flags.set("asked", 1);
  const reply = yield { do: "call", tool: "ask_human", args: { question, options: ["yes", "no"] } };
  if (reply !== null && !reply.isError && !reply.content.includes('"asked"'))
    memory.answers.push(reply.content);
  if (sim.faults.draw("agent dies asking")) yield { do: "exit", code: 1 };
}

function* manage(agent: Agent, text: string): Behaviour {
  const { memory, session } = agent;
  const plan = planIn(text);
  if (plan !== null && memory.flags.get("planned") !== 1) {
    for (const { title, after } of plan.workers)
      yield {
        do: "call",
        tool: "spawn_session",
        args: {
          title,
          goal: `Do ${title}.${plan.idle.includes(title) ? " Commit nothing." : ""}`,
          depends_on: after,
        },
      };
    memory.flags.set("planned", 1);
    if (plan.asks && memory.flags.get("asked") !== 1)
      yield* ask(agent, `May I begin? (${session})`);
    if (plan.workers.length === 0)
      yield { do: "call", tool: "finish_objective", args: { summary: "There was nothing to do." } };
    return;
  }
  const reported = /Worker "[^"]*" \((?<id>[\w-]+)\)|session":"(?<json>[\w-]+)","title/u.exec(
    text,
  )?.groups;
  const id = reported?.["id"] ?? reported?.["json"];
  if (text.includes("reported its result") && id !== undefined) {
    memory.flags.set(`read ${id}`, 1);
    yield { do: "work", minutesMax: 3 };
    const reply = yield { do: "call", tool: "publish_pr", args: { session: id } };
    if (reply?.isError === true && reply.content.includes("nothing committed"))
      yield* finishIfAllDone(memory);
    return;
  }
  if (text.includes("Call finish_objective")) {
    yield { do: "call", tool: "finish_objective", args: { summary: "All is merged." } };
    return;
  }
  // First what else there is to read: a result may be among it.
  if (memory.done + 1 === memory.taken.length) yield* finishIfAllDone(memory);
}

/** Asked to finish too early it is refused, and told what is open: who has not reported is asked to. */
function* finishIfAllDone({ flags }: AgentMemory): Behaviour {
  const list = yield { do: "call", tool: "list_sessions", args: {} };
  // The message that says so is still on its way.
  for (const session of reportedIn(list).filter((id) => flags.get(`read ${id}`) !== 1))
    yield { do: "call", tool: "publish_pr", args: { session } };
  const reply = yield {
    do: "call",
    tool: "finish_objective",
    args: { summary: "All is done." },
  };
  const idle = /worker "(?<title>[^"]+)" is idle/u.exec(reply?.content ?? "")?.groups?.["title"];
  if (idle === undefined) return;
  const text = "Please report your result.";
  yield { do: "call", tool: "message_session", args: { session: idle, text } };
}

const reportedIn = (list: Outcome): readonly string[] =>
  [...(list?.content ?? "").matchAll(/"session":"(?<id>[\w-]+)"[^{}]*"reported":true/gu)].map(
    (match) => match.groups?.["id"] ?? "",
  );

function* work(agent: Agent, text: string): Behaviour {
  const { memory, sim, session } = agent;
  const commits = (memory.flags.get("commits") ?? 0) + 1;
  memory.flags.set("commits", commits);
  const idle = memory.taken[0]?.text.includes("Commit nothing.") === true;
  const first = text.includes("Your goal, from the manager");
  yield { do: "work", minutesMax: 30 };
  if (first && sim.faults.draw("agent asks") && memory.flags.get("asked") !== 1) {
    yield* ask(agent, `Which colour? (${session})`);
    return;
  }
  if (first && sim.faults.draw("agent reports nothing")) return;
  if (!idle) yield { do: "commit", file: `${session.slice(-8)}.txt`, text: `commit ${commits}\n` };
  yield { do: "call", tool: "report_progress", args: { text: `commit ${commits}` } };
  for (const thread of threadsIn(text))
    yield {
      do: "call",
      tool: "reply_to_review",
      args: { thread, text: `Done in commit ${commits}.`, outcome: "fixed" },
    };
  yield {
    do: "call",
    tool: "report_result",
    args: {
      what: `Commit ${commits}.`,
      why: "I was told to.",
      tests: [{ command: "npm test", exit_code: 0 }],
    },
  };
}

/** The threads of a review, out of the JSON that stands in its message. */
function threadsIn(text: string): readonly number[] {
  const json = /```json\n(?<json>.*)\n```/u.exec(text)?.groups?.["json"];
  if (json === undefined) return [];
  const value: unknown = JSON.parse(json);
  if (typeof value !== "object" || value === null || !("threads" in value)) return [];
  const { threads } = value;
  if (!Array.isArray(threads)) return [];
  return [...new Set(threads.flatMap((one: unknown) => threadOf(one)))];
}

const threadOf = (one: unknown): readonly number[] =>
  typeof one === "object" && one !== null && "thread" in one ? [Number(one.thread)] : [];

function planIn(text: string): Plan | null {
  const json = /PLAN (?<json>\{.*\})/u.exec(text)?.groups?.["json"];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the workload of this simulation
  return json === undefined ? null : (JSON.parse(json) as Plan);
}
