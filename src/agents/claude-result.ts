/** The last line of a turn of Claude Code: what it cost, and how it ended. `is_error` decides, not `subtype`. */
import * as z from "zod/mini";
import type { Finding } from "./driver.ts";

const Usage = z.object({
  inputTokens: z.optional(z.number()),
  outputTokens: z.optional(z.number()),
  cacheReadInputTokens: z.optional(z.number()),
  cacheCreationInputTokens: z.optional(z.number()),
  costUSD: z.optional(z.number()),
});

export const Result = z.object({
  type: z.literal("result"),
  subtype: z.string(),
  is_error: z.boolean(),
  terminal_reason: z.nullish(z.string()),
  api_error_status: z.nullish(z.number()),
  api_error_type: z.nullish(z.string()),
  api_error: z.nullish(z.string()),
  result: z.nullish(z.string()),
  errors: z.nullish(z.array(z.string())),
  model_usage_since_last_result: z.nullish(z.record(z.string(), Usage)),
});
type Result = z.infer<typeof Result>;

const REASON_CHARACTERS = 500;
/** Means something to its makers only. */
const DIAGNOSTIC = "[ede_diagnostic]";

/** Totals of the process begin at nought after a kill: only what was spent since the last result is told. */
export function usageOf({ model_usage_since_last_result: models }: Result): Finding[] {
  const all = Object.values(models ?? {});
  if (all.length === 0) return [];
  const sum = (of: (usage: z.infer<typeof Usage>) => number): number =>
    all.reduce((total, usage) => total + of(usage), 0);
  const priced = all.every(({ costUSD }) => costUSD !== undefined);
  return [
    {
      kind: "usage",
      inputTokens: sum((one) => (one.inputTokens ?? 0) + (one.cacheCreationInputTokens ?? 0)),
      cachedTokens: sum((one) => one.cacheReadInputTokens ?? 0),
      outputTokens: sum((one) => one.outputTokens ?? 0),
      costUsd: priced ? sum((one) => one.costUSD ?? 0) : null,
    },
  ];
}

/** The provider's limits become `limit-hit`, which parks; 529 is one, because its own retries are used up. */
export function failureOf(result: Result, resetAt: number | null): Finding {
  if (!result.is_error) return { kind: "turn-ended", failure: null };
  const reason = reasonOf(result);
  const { api_error_status: status } = result;
  if (result.api_error === "usage_limit_reached" || status === 429 || status === 529)
    return { kind: "limit-hit", resetAt, reason };
  return failed(result, reason);
}

function failed(
  { api_error_status: status, terminal_reason: why }: Result,
  reason: string,
): Finding {
  if (
    status === 401 ||
    status === 403 ||
    /please run \/login|not logged in|invalid api key/iu.test(reason)
  )
    return {
      kind: "turn-ended",
      failure: {
        reason: `${reason}; log in on the runner: run \`claude\` there and then \`/login\`, or give it ANTHROPIC_API_KEY`,
        retry: false,
        login: true,
      },
    };
  if (/credit balance/iu.test(reason))
    return ended(`${reason}; add credit with the provider`, false);
  if (why === "prompt_too_long") return ended(reason, false);
  if (why === "budget_exhausted") return ended(reason, false);
  return ended(reason, status == null || status >= 500 || status === 408);
}

const ended = (reason: string, retry: boolean): Finding => ({
  kind: "turn-ended",
  failure: { reason, retry },
});

function reasonOf({ result, errors, terminal_reason, subtype }: Result): string {
  const said = result ?? errors?.filter((one) => !one.startsWith(DIAGNOSTIC)).join("; ") ?? "";
  return (said === "" ? `the agent's turn failed: ${terminal_reason ?? subtype}` : said).slice(
    0,
    REASON_CHARACTERS,
  );
}
