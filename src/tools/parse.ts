/** An agent's call → a typed request, or a refusal that says what is wrong with which argument. */
import * as z from "zod";
import type { ToolCall } from "../domain/tool-call.ts";
import { TOOLS, toolsOf, type Audience } from "./table.ts";

export type Parsed =
  | { readonly ok: true; readonly request: ToolCall }
  | { readonly ok: false; readonly reason: string };

export function parseCall(audience: Audience, tool: string, input: unknown): Parsed {
  if (!isTool(tool) || !toolsOf(audience).includes(tool))
    return {
      ok: false,
      reason: `you do not have a tool of this name; yours are: ${toolsOf(audience).join(", ")}`,
    };
  try {
    return { ok: true, request: request(tool, withoutNulls(input ?? {})) };
  } catch (error) {
    if (error instanceof z.ZodError)
      return { ok: false, reason: `${z.prettifyError(error)}; call ${tool} again without that` };
    throw error;
  }
}

const isTool = (name: string): name is ToolCall["tool"] => Object.hasOwn(TOOLS, name);

/** Some models say null for what they leave out. */
const withoutNulls = (input: unknown): unknown =>
  typeof input === "object" && input !== null && !Array.isArray(input)
    ? Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null))
    : input;

function request(tool: ToolCall["tool"], input: unknown): ToolCall {
  switch (tool) {
    case "spawn_session":
      return spawnSession(input);
    case "report_result": {
      const { tests = [], notes = null, ...rest } = TOOLS.report_result.input.parse(input);
      return {
        tool,
        ...rest,
        notes,
        tests: tests.map(({ command, exit_code }) => ({ command, exitCode: exit_code })),
      };
    }
    case "message_session":
      return { tool, ...TOOLS.message_session.input.parse(input) };
    case "list_sessions":
      TOOLS.list_sessions.input.parse(input);
      return { tool };
    case "get_session":
      return { tool, ...TOOLS.get_session.input.parse(input) };
    case "cancel_session":
      return { tool, ...TOOLS.cancel_session.input.parse(input) };
    case "publish_pr": {
      const { session, title = null, body = null } = TOOLS.publish_pr.input.parse(input);
      return { tool, session, title, body };
    }
    case "finish_objective":
      return { tool, ...TOOLS.finish_objective.input.parse(input) };
    case "ask_human": {
      const { question, context = null, options = [] } = TOOLS.ask_human.input.parse(input);
      return { tool, question, context, options };
    }
    case "report_progress":
      return { tool, ...TOOLS.report_progress.input.parse(input) };
    case "report_problem":
      return { tool, ...TOOLS.report_problem.input.parse(input) };
    case "message_manager":
      return { tool, ...TOOLS.message_manager.input.parse(input) };
    case "reply_to_review":
      return { tool, ...TOOLS.reply_to_review.input.parse(input) };
    case "propose_plan":
    case "request_review":
    case "message_peer":
    case "submit_review":
      return newer(tool, input);
  }
}

function spawnSession(input: unknown): ToolCall {
  const {
    depends_on: dependsOn = [],
    runner_labels: runnerLabels,
    runner = null,
    agent,
    ...rest
  } = TOOLS.spawn_session.input.parse(input);
  const labels = runnerLabels === undefined ? {} : { runnerLabels };
  return { tool: "spawn_session", ...rest, runner, dependsOn, ...labels, ...by(agent) };
}

const by = (agent: string | undefined): { readonly agent?: string } =>
  agent === undefined ? {} : { agent };

function newer(
  tool: "propose_plan" | "request_review" | "message_peer" | "submit_review",
  input: unknown,
): ToolCall {
  switch (tool) {
    case "propose_plan": {
      const { sessions, risks = [], questions = [] } = TOOLS.propose_plan.input.parse(input);
      return { tool, sessions, risks, questions };
    }
    case "request_review": {
      const { session, focus = null, agent } = TOOLS.request_review.input.parse(input);
      return { tool, session, focus, ...by(agent) };
    }
    case "message_peer":
      return { tool, ...TOOLS.message_peer.input.parse(input) };
    case "submit_review": {
      const { verdict, summary, findings = [] } = TOOLS.submit_review.input.parse(input);
      return {
        tool,
        verdict,
        summary,
        findings: findings.map(({ path, line = null, text }) => ({ path, line, text })),
      };
    }
  }
}
