/** Findings for people: one line each, for the last activity and for `orcha attach`. */
import type { Finding } from "./driver.ts";

/** Null = nothing to show. `aside` = not the agent's own words. */
export function describe(finding: Finding): Shown | null {
  switch (finding.kind) {
    case "text":
      return { text: finding.text, aside: false };
    case "tool-call":
      return aside(`${finding.name}${finding.detail === "" ? "" : `: ${finding.detail}`}`);
    case "tool-result":
      return finding.isError ? aside(`failed: ${finding.text}`) : null;
    case "file-change":
      return aside(`${finding.change} ${finding.path}`);
    case "plan":
      return aside(planOf(finding.items));
    case "question":
      return aside(`asked: ${finding.text}`);
    case "permission":
      return aside(`${finding.allowed ? "allowed" : "refused"} ${finding.what}: ${finding.why}`);
    case "retry":
      return aside(`the provider is asked again (${finding.attempt}): ${finding.reason}`);
    case "limit-hit":
      return aside(`limit: ${finding.reason}`);
    case "message-queued":
      return aside("a message waits for the end of the turn");
    case "turn-ended":
      return finding.failure === null
        ? aside("— end of turn —")
        : aside(`— failed: ${finding.failure.reason} —`);
    case "usage":
      return aside(
        `${finding.inputTokens} tokens in, ${finding.outputTokens} out${finding.costUsd === null ? "" : `, $${finding.costUsd.toFixed(4)}`}`,
      );
    case "unknown":
      return aside(finding.text);
    case "thinking":
    case "message-taken":
    case "conversation":
    case "turn-started":
    case "call-interrupted":
      return null;
  }
}

interface Shown {
  readonly text: string;
  readonly aside: boolean;
}

const aside = (text: string): Shown => ({ text, aside: true });

/** Whether it is worth showing as "last activity". */
export const isActivity = ({ kind }: Finding): boolean =>
  kind === "text" ||
  kind === "tool-call" ||
  kind === "file-change" ||
  kind === "plan" ||
  kind === "retry";

function planOf(items: Extract<Finding, { kind: "plan" }>["items"]): string {
  const done = items.filter(({ state }) => state === "done").length;
  const doing = items.find(({ state }) => state === "doing");
  return `plan: ${done} of ${items.length} done${doing === undefined ? "" : `, now ${doing.text}`}`;
}
