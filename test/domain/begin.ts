/** Where many tests begin: calls as agents make them, and objectives at the points that matter. */
import type { Rules } from "../../src/domain/step.ts";
import type { ToolCall } from "../../src/domain/tool-call.ts";
import { Play } from "./play.ts";

export const spawn = (title: string, change: object = {}): ToolCall => ({
  tool: "spawn_session",
  title,
  goal: `do ${title}`,
  dependsOn: [],
  runner: null,
  ...change,
});

export const report = (change: object = {}): ToolCall => ({
  tool: "report_result",
  what: "A limiter.",
  why: "Asked for.",
  tests: [{ command: "npm test", exitCode: 0 }],
  notes: null,
  ...change,
});

export const askHuman = (question: string, options: readonly string[] = []): ToolCall => ({
  tool: "ask_human",
  question,
  context: null,
  options,
});

export const publish = (
  session: string,
  title: string | null = null,
  body: string | null = null,
): ToolCall => ({
  tool: "publish_pr",
  session,
  title,
  body,
});

/** Labelled, and the manager runs. */
export const started = (change: Partial<Rules> = {}): Play => new Play(change).label().start();

/** The manager has spawned this worker and both run. */
export function withWorker(change: Partial<Rules> = {}, title = "api"): Play {
  const play = started(change);
  play.call("manager", spawn(title));
  return play.start(title);
}

/** The worker has reported, the manager has published: pull request 31 is open, both are idle. */
export function published(change: Partial<Rules> = {}, title = "api"): Play {
  const play = withWorker(change, title);
  play.call(title, report());
  play.park(title).reads();
  play.call("manager", publish(title));
  return play.pushed(title).opened(title, 31).park();
}
