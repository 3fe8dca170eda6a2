/** An agent's call → a typed request, or a refusal that says what is wrong with which argument. */
import * as z from "zod";
import type { ToolCall } from "../domain/tool-call.ts";
import { TOOLS, type Audience } from "./table.ts";

export type Parsed =
  | { readonly ok: true; readonly request: ToolCall }
  | { readonly ok: false; readonly reason: string };

export function parseCall(audience: Audience, tool: string, input: unknown): Parsed {
  if (!isTool(tool) || !(TOOLS[tool].audience as readonly string[]).includes(audience))
    return { ok: false, reason: `you do not have a tool of this name` };
  try {
    return { ok: true, request: request(tool, input ?? {}) };
  } catch (error) {
    if (error instanceof z.ZodError) return { ok: false, reason: z.prettifyError(error) };
    throw error;
  }
}

const isTool = (name: string): name is ToolCall["tool"] => Object.hasOwn(TOOLS, name);

function request(tool: ToolCall["tool"], input: unknown): ToolCall {
  switch (tool) {
    case "spawn_session": {
      const {
        depends_on: dependsOn,
        runner_labels: runnerLabels,
        agent,
        ...rest
      } = TOOLS.spawn_session.input.parse(input);
      const labels = runnerLabels === undefined ? {} : { runnerLabels };
      const by = agent === undefined ? {} : { agent };
      return { tool, ...rest, dependsOn, ...labels, ...by };
    }
    case "report_result": {
      const { tests, ...rest } = TOOLS.report_result.input.parse(input);
      return {
        tool,
        ...rest,
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
    case "publish_pr":
      return { tool, ...TOOLS.publish_pr.input.parse(input) };
    case "finish_objective":
      return { tool, ...TOOLS.finish_objective.input.parse(input) };
    case "ask_human":
      return { tool, ...TOOLS.ask_human.input.parse(input) };
    case "report_progress":
      return { tool, ...TOOLS.report_progress.input.parse(input) };
    case "report_problem":
      return { tool, ...TOOLS.report_problem.input.parse(input) };
    case "message_manager":
      return { tool, ...TOOLS.message_manager.input.parse(input) };
    case "reply_to_review":
      return { tool, ...TOOLS.reply_to_review.input.parse(input) };
  }
}
