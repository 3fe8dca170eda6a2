/** Codex's errors. Their kinds are its own names, or a name with a status of HTTP (`CodexErrorInfo` of its protocol). */
import { at, numberAt, textAt } from "../dialects/json.ts";
import type { Finding } from "./driver.ts";
import { findingOf } from "./provider.ts";

const LOGIN = "log in on the runner (`codex login`) or give OPENAI_API_KEY";
const REASON_CHARACTERS_MAX = 500;

/** These end by themselves. */
const LIMITS: ReadonlySet<string> = new Set([
  "usageLimitExceeded",
  "sessionBudgetExceeded",
  "rateLimitExceeded",
  "serverOverloaded",
  "flexUnavailable",
  "policyCapacityUnavailable",
  "internalServerError",
]);
/** Starting again gives the same answer. */
const HOPELESS: ReadonlySet<string> = new Set([
  "contextWindowExceeded",
  "modelNotFound",
  "badRequest",
  "cyberPolicy",
  "misalignmentPolicyViolation",
  "inferenceHookDenied",
  "tooManyDenials",
]);

export function failureOf(error: unknown, resetAt: number | null): Finding {
  const text = textAt(error, "message") ?? "codex gave no reason";
  const info = at(error, "codexErrorInfo");
  const reason = text.slice(0, REASON_CHARACTERS_MAX);
  if (typeof info !== "string") return byStatus(info, text);
  if (info === "usageLimitExceeded") return { kind: "limit-hit", resetAt, reason };
  if (LIMITS.has(info)) return { kind: "limit-hit", resetAt: null, reason };
  if (info === "unauthorized") return findingOf({ status: 401, text, resetAt: null, login: LOGIN });
  return { kind: "turn-ended", failure: { reason, retry: !HOPELESS.has(info) } };
}

/** `{httpConnectionFailed: {httpStatusCode: 401}}`; without a status there was no connection. */
function byStatus(info: unknown, text: string): Finding {
  const [kind] = typeof info === "object" && info !== null ? Object.values(info) : [];
  const status = numberAt(kind, "httpStatusCode") ?? null;
  if (kind !== undefined && at(kind, "httpStatusCode") === null)
    return { kind: "limit-hit", resetAt: null, reason: text.slice(0, REASON_CHARACTERS_MAX) };
  return findingOf({ status, text, resetAt: null, login: LOGIN });
}

/** "Reconnecting... 2/5" */
export function retryOf(params: unknown): Finding {
  const message = textAt(params, "error", "message") ?? "";
  const attempt = Number(/(?<attempt>\d+)\/\d+/u.exec(message)?.groups?.["attempt"] ?? 1);
  const reason = textAt(params, "error", "additionalDetails") ?? message;
  return { kind: "retry", attempt, waitMs: null, reason: reason.slice(0, REASON_CHARACTERS_MAX) };
}
