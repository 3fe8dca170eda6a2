/** What a provider's failure means, for all agents: wait, give up, or try again. */
import type { Finding } from "./driver.ts";

export interface ProviderError {
  /** HTTP status; null = the agent did not say it. */
  readonly status: number | null;
  readonly text: string;
  /** When the limit ends, in ms since the epoch; null = the provider did not say it. */
  readonly resetAt: number | null;
  /** What a person does about a missing login. */
  readonly login: string;
}

const REASON_CHARACTERS_MAX = 500;
const UNAUTHORIZED: ReadonlySet<number> = new Set([401, 403]);

/**
 * A provider that is busy, away or out of quota is waited for: its failures are not the session's, and would use up its
 * few tries within minutes. A missing login and a conversation that is too long do not mend themselves.
 */
export function findingOf({ status, text, resetAt, login }: ProviderError): Finding {
  const reason = text.slice(0, REASON_CHARACTERS_MAX);
  if ((status !== null && UNAUTHORIZED.has(status)) || (status === null && LOGIN.test(text)))
    return {
      kind: "turn-ended",
      failure: {
        reason: `the agent is not logged in: ${reason}; ${login}`,
        retry: false,
        login: true,
      },
    };
  if (TOO_LONG.test(text)) return fail(`the conversation is too long: ${reason}`, false);
  if (status === null ? BUSY.test(text) : status === 429 || status >= 500)
    return { kind: "limit-hit", resetAt, reason };
  return fail(reason, status === null);
}

const fail = (reason: string, retry: boolean): Finding => ({
  kind: "turn-ended",
  failure: { reason, retry },
});

const LOGIN =
  /\b(?:unauthorized|authentication|unauthenticated|api key not (?:valid|found)|invalid api key|not logged in|incorrect api key|invalid x-api-key|401)\b/iu;
const TOO_LONG =
  /context[ _-](?:window|length)|prompt is too long|too many tokens|maximum context|token count .*exceeds/iu;
const BUSY =
  /rate.?limit|\bquota\b|usage limit|resource.?exhausted|overloaded|at capacity|too many requests|service unavailable|econnrefused|enotfound|etimedout|fetch failed|connection (?:refused|error)/iu;
