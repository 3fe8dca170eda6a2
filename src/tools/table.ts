/**
 * The tools agents may call: name, who has it, what it takes. The one table from which calls are parsed
 * and from which the runner's MCP server gets its list, as JSON Schema. What need not be given is optional, never null,
 * and has no default there: not every client takes more of JSON Schema than that.
 *
 * Identity is the channel, never an argument; ids of other objectives do not exist here. `ask_human` is
 * not called `ask_user` because one of the agents silently drops a tool of that name.
 */
import * as z from "zod";
import type { ToolName } from "../domain/tool-call.ts";

/** Longest text an agent may hand over, in characters: GitHub's comment limit is 65,536. */
const words = (max = 20_000) => z.string().trim().min(1).max(max);
const title = z.string().trim().min(1).max(100).describe("short and unique in this objective");
const session = words(100).describe("id or title of a session of this objective");
const agent = words(64).optional().describe("which agent; default: the repository's for this role");

export type Audience = "manager" | "worker" | "reviewer";

interface Tool {
  readonly audience: readonly Audience[];
  readonly description: string;
  readonly input: z.ZodObject;
}

export const TOOLS = {
  propose_plan: {
    audience: ["manager"],
    description:
      "Show the people on the issue what you are going to do. Nobody has to agree: go on with spawn_session.",
    input: z.strictObject({
      sessions: z
        .array(z.strictObject({ title, goal: words(300).describe("in one sentence") }))
        .min(1)
        .max(20),
      risks: z.array(words(300)).max(10).optional(),
      questions: z.array(words(300)).max(10).optional(),
    }),
  },
  spawn_session: {
    audience: ["manager"],
    description:
      "Start a worker on one piece of work, in its own fresh clone. It sees only its goal.",
    input: z.strictObject({
      title,
      goal: words(60_000).describe(
        "everything the worker has to know: what, why, where, how to verify",
      ),
      depends_on: z
        .array(session)
        .max(20)
        .optional()
        .describe("sessions that must have reported before this one starts"),
      runner: words(64).optional().describe("only this runner; default: any"),
      runner_labels: z
        .array(words(64).refine((label) => !/[,\s]/u.test(label), "no comma, no space"))
        .max(16)
        .optional()
        .describe("labels its runner must have; default: those of the repository"),
      agent,
    }),
  },
  message_session: {
    audience: ["manager"],
    description: "Send a message to a worker: now if it is running, else as its next turn.",
    input: z.strictObject({ session, text: words() }),
  },
  list_sessions: {
    audience: ["manager"],
    description: "All sessions of this objective with state and pull request.",
    input: z.strictObject({}),
  },
  get_session: {
    audience: ["manager"],
    description: "One session with its goal, progress and result.",
    input: z.strictObject({ session }),
  },
  cancel_session: {
    audience: ["manager"],
    description: "Stop a worker or a reviewer for good.",
    input: z.strictObject({ session, reason: words(500) }),
  },
  publish_pr: {
    audience: ["manager"],
    description:
      "Publish a worker's commits as a pull request, or push its new commits to the one it has.",
    input: z.strictObject({
      session,
      title: words(200).optional(),
      body: words().optional(),
    }),
  },
  request_review: {
    audience: ["manager"],
    description:
      "Have another agent review the open pull request of a worker. End your turn: its verdict comes as a message.",
    input: z.strictObject({
      session: words(100).describe("id or title of the worker"),
      focus: words(4_000).optional().describe("what to look at; default: everything"),
      agent,
    }),
  },
  finish_objective: {
    audience: ["manager"],
    description: "End the objective with a summary. Refused while something is open, naming it.",
    input: z.strictObject({ summary: words() }),
  },
  ask_human: {
    audience: ["manager", "worker", "reviewer"],
    description:
      "Ask the people on the issue. If the answer does not come at once, end your turn: it will be your next message.",
    input: z.strictObject({
      question: words(4000),
      context: words(8000).optional(),
      options: z.array(words(500)).max(9).optional(),
    }),
  },
  report_progress: {
    audience: ["worker", "reviewer"],
    description: "One line for the status: what you are doing now.",
    input: z.strictObject({ text: words(500) }),
  },
  report_problem: {
    audience: ["worker"],
    description: "Something is in the way. People and the manager see it; you go on.",
    input: z.strictObject({ text: words(4000) }),
  },
  report_result: {
    audience: ["worker"],
    description:
      "You are done: what changed, why, and the commands you ran with their exit codes. Commit first.",
    input: z.strictObject({
      what: words(6000),
      why: words(6000),
      tests: z
        .array(z.strictObject({ command: words(1000), exit_code: z.int() }))
        .max(50)
        .optional(),
      notes: words(8000).optional(),
    }),
  },
  message_manager: {
    audience: ["worker"],
    description: "Send a message to the manager; an answer comes as a message.",
    input: z.strictObject({ text: words() }),
  },
  message_peer: {
    audience: ["worker"],
    description:
      "Send a message to another worker of this objective, about something you both touch. What has to be decided is for the manager.",
    input: z.strictObject({
      session: words(100).describe("title of the other worker"),
      text: words(8_000),
    }),
  },
  reply_to_review: {
    audience: ["worker"],
    description:
      "Answer one thread of a review you were given. Posted when your commits are pushed: fixed and answered resolve it, disagree leaves it open.",
    input: z.strictObject({
      thread: z.int().min(1),
      text: words(8000),
      outcome: z.enum(["fixed", "answered", "disagree"]),
    }),
  },
  submit_review: {
    audience: ["reviewer"],
    description:
      "You are done: your verdict on the pull request, for the manager. Nothing of it is posted on GitHub.",
    input: z.strictObject({
      verdict: z.enum(["approve", "request_changes", "comment"]),
      summary: words(6_000),
      findings: z
        .array(
          z.strictObject({
            path: words(500),
            line: z.int().min(1).optional(),
            text: words(4_000),
          }),
        )
        .max(50)
        .optional(),
    }),
  },
} satisfies Readonly<Record<ToolName, Tool>>;

export const toolsOf = (audience: Audience): readonly string[] =>
  Object.entries(TOOLS as Readonly<Record<string, Tool>>)
    .filter(([, tool]) => tool.audience.includes(audience))
    .map(([name]) => name);

/** What the MCP server of an attempt offers. `required` is always an array: one null makes a client reject the whole list. */
export function toolSpecs(
  audience: Audience,
): { name: string; description: string; inputSchema: Record<string, unknown> }[] {
  return Object.entries(TOOLS as Readonly<Record<string, Tool>>)
    .filter(([, tool]) => tool.audience.includes(audience))
    .map(([name, { description, input }]) => {
      const { $schema: _, ...schema } = z.toJSONSchema(input, { io: "input" });
      return { name, description, inputSchema: { required: [], ...schema } };
    });
}
