/**
 * What a failed call to GitHub means. The question that matters for writes: was it surely not done, or is
 * it unknown? Only what was surely not done may be repeated without looking (reliability.md 2.3).
 */
import { PortError, type EffectOutcome } from "../engine/ports.ts";

export interface Failure {
  readonly certainty: "surely-not" | "unknown";
  /** `invalid`: GitHub understood and refuses; it will refuse again. */
  readonly kind: "gone" | "denied" | "invalid" | "rate-limited" | "unavailable";
  readonly reason: string;
  /** What GitHub asked for, in ms; null = the caller's own backoff. */
  readonly retryAfterMs: number | null;
  readonly status: number | null;
}

/** The meaning of an error from the client, or null when it is no failure of GitHub but a bug of ours. */
export function classify(error: unknown, now: number): Failure | null {
  if (error instanceof PortError) return ofPort(error);
  if (!(error instanceof Error)) return null;
  if (error.name === "GraphqlResponseError") return ofGraphql(error);
  if (error.name === "AbortError" || error.name === "BrokenAnswer") return network(error);
  if (error.name !== "HttpError" || !("status" in error)) return null;
  const response = responseOf(error);
  return response === null ? network(error) : ofResponse(response, error.message, now);
}

/** For performers. Throws what is a bug. `looked`: this try wrote nothing, an earlier one may have. */
export function outcomeOf(error: unknown, now: number): EffectOutcome {
  const failure = classify(error, now);
  if (failure === null) throw error;
  const { reason } = failure;
  if (failure.certainty === "unknown") return { kind: "unknown", reason };
  if (failure.kind === "rate-limited" || failure.kind === "unavailable")
    return { kind: "later", reason, afterMs: failure.retryAfterMs };
  return { kind: "refused", reason };
}

/** For readers: every failure is a PortError, bugs go through. */
export function portErrorOf(error: unknown, now: number): unknown {
  const failure = classify(error, now);
  if (failure === null || error instanceof PortError) return error;
  const kind = failure.kind === "invalid" ? "denied" : failure.kind;
  return new PortError(kind, failure.reason, {
    cause: error,
    ...(failure.retryAfterMs === null ? {} : { retryAfterMs: failure.retryAfterMs }),
  });
}

/** The HTTP status of an answer GitHub gave; null when there was none. */
export const statusOf = (error: unknown): number | null =>
  error instanceof Error ? (responseOf(error)?.status ?? null) : null;

/** GitHub's words in a 422: its message and those of its errors. */
export function validationText(error: unknown): string {
  if (!(error instanceof Error)) return "";
  return `${error.message} ${JSON.stringify(responseOf(error)?.data ?? "")}`;
}

interface Response {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly data: unknown;
}

function responseOf(error: Error): Response | null {
  if (!("response" in error) || typeof error.response !== "object" || error.response === null)
    return null;
  const { response } = error;
  if (!("status" in response) || typeof response.status !== "number") return null;
  const headers =
    "headers" in response && typeof response.headers === "object" && response.headers !== null
      ? Object.fromEntries(Object.entries(response.headers))
      : {};
  return { status: response.status, headers, data: "data" in response ? response.data : null };
}

function ofPort(error: PortError): Failure {
  return {
    certainty: "surely-not",
    kind: error.kind,
    reason: error.message,
    retryAfterMs: error.retryAfterMs,
    status: null,
  };
}

function ofResponse(response: Response, message: string, now: number): Failure {
  const { status } = response;
  const reason = `GitHub answered ${status}: ${message.slice(0, 500)}`;
  const failure = (kind: Failure["kind"], certainty: Failure["certainty"]): Failure => ({
    certainty,
    kind,
    reason,
    retryAfterMs: kind === "rate-limited" || status === 503 ? retryAfter(response, now) : null,
    status,
  });
  if (isRateLimit(response, message)) return failure("rate-limited", "surely-not");
  if (status >= 500 || status === 408 || status === 409) return failure("unavailable", "unknown");
  if (status === 404 || status === 410 || status === 451) return failure("gone", "surely-not");
  if (status === 401 || status === 403) return failure("denied", "surely-not");
  return failure("invalid", "surely-not");
}

function isRateLimit({ status, headers }: Response, message: string): boolean {
  if (status === 429) return true;
  if (status !== 403) return false;
  if (headers["retry-after"] !== undefined || headers["x-ratelimit-remaining"] === "0") return true;
  return /rate limit|abuse detection/iu.test(message);
}

const MINUTE_MS = 60_000;
const RETRY_MAX_MS = 60 * MINUTE_MS;

/** `retry-after`, else the reset of an exhausted limit, else the minute GitHub asks for at least. */
function retryAfter({ status, headers }: Response, now: number): number | null {
  const seconds = Number(headers["retry-after"]);
  if (headers["retry-after"] !== undefined && Number.isFinite(seconds))
    return clamp(seconds * 1000);
  const untilReset = resetMs(headers, now);
  if (untilReset !== null) return clamp(untilReset);
  return status === 503 ? null : MINUTE_MS;
}

/**
 * How long until an exhausted primary limit is reset, in ms; null = it is not exhausted. By GitHub's clock, which its
 * answers carry: ours may be wrong.
 */
export function resetMs(headers: Readonly<Record<string, unknown>>, now: number): number | null {
  const reset = Number(headers["x-ratelimit-reset"]);
  if (String(headers["x-ratelimit-remaining"]) !== "0" || !Number.isFinite(reset)) return null;
  return reset * 1000 - (timeOf(headers) ?? now);
}

/** GitHub's time by the `date` of an answer, in ms; null when it did not say. */
export function timeOf({ date }: Readonly<Record<string, unknown>>): number | null {
  const time = typeof date === "string" ? Date.parse(date) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}

const clamp = (ms: number): number => Math.min(RETRY_MAX_MS, Math.max(1_000, ms));

function ofGraphql(error: Error): Failure {
  const types = graphqlTypes(error);
  const failure = (kind: Failure["kind"], retryAfterMs: number | null = null): Failure => ({
    certainty: "surely-not",
    kind,
    reason: `GitHub answered: ${error.message.slice(0, 500)}`,
    retryAfterMs,
    status: 200,
  });
  if (types.includes("RATE_LIMITED")) return failure("rate-limited", MINUTE_MS);
  if (types.includes("NOT_FOUND")) return failure("gone");
  if (types.includes("FORBIDDEN") || types.includes("INSUFFICIENT_SCOPES"))
    return failure("denied");
  // Errors without a type are GitHub's own trouble; the mutation may have run.
  if (types.every((type) => type === ""))
    return { ...failure("unavailable"), certainty: "unknown" };
  return failure("invalid");
}

function graphqlTypes(error: Error): readonly string[] {
  if (!("errors" in error) || !Array.isArray(error.errors)) return [];
  return error.errors.map((entry: unknown) => {
    if (typeof entry !== "object" || entry === null) return "";
    if ("type" in entry) return String(entry.type);
    // A query that does not fit the schema was not run.
    return "extensions" in entry || ("locations" in entry && !("path" in entry)) ? "INVALID" : "";
  });
}

/** No byte of the request left: these fail before or while connecting. */
const NOT_SENT =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_.*|CERT_.*|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*|ERR_INVALID_URL)$/u;

function network(error: Error): Failure {
  const codes = codesOf(error);
  const notSent = codes.some((code) => NOT_SENT.test(code));
  const what = codes.length > 0 ? ` (${codes.join(", ")})` : "";
  return {
    certainty: notSent ? "surely-not" : "unknown",
    kind: "unavailable",
    reason: `no answer from GitHub: ${error.message.slice(0, 300)}${what}`,
    retryAfterMs: null,
    status: null,
  };
}

const CAUSES_MAX = 6;

function codesOf(error: Error): readonly string[] {
  const codes: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < CAUSES_MAX && current instanceof Error; depth += 1) {
    if ("code" in current && typeof current.code === "string") codes.push(current.code);
    // Several addresses were tried: undici gathers their errors.
    if (current instanceof AggregateError)
      for (const inner of current.errors)
        if (inner instanceof Error && "code" in inner) codes.push(String(inner.code));
    current = current.cause;
  }
  return [...new Set(codes)];
}
