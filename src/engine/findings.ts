/** Journal entries and driver findings → domain events. What is only for people gives none. */
import type { Finding } from "../agents/driver.ts";
import type { RunnerEvent } from "../domain/event.ts";
import type { JournalEntry } from "../protocol/journal.ts";
import type { LiveAttempt } from "../store/port.ts";
import { parseCall } from "../tools/parse.ts";
import type { Audience } from "../tools/table.ts";

export function eventOfJournal(live: LiveAttempt, entry: JournalEntry): RunnerEvent | null {
  const of = { session: live.session, attempt: live.attempt };
  switch (entry.kind) {
    case "prepared":
      return {
        ...of,
        kind: "attempt-prepared",
        path: entry.path,
        base: entry.base,
        head: entry.head,
      };
    case "prepare-failed":
      return {
        ...of,
        kind: "attempt-unstartable",
        stage: entry.stage,
        reason: entry.reason,
        retry: entry.retry,
      };
    case "spawned":
      return { ...of, kind: "attempt-spawned" };
    case "tool-called": {
      const { call, tool } = entry;
      const parsed = parseCall(audienceOf(live.role), tool, entry.arguments);
      return parsed.ok
        ? { ...of, kind: "tool-called", call, request: parsed.request }
        : { ...of, kind: "tool-misused", call, tool, reason: parsed.reason };
    }
    case "tool-answered":
      return { ...of, kind: "call-settled", call: entry.call, won: entry.outcome };
    case "exited":
      return {
        ...of,
        kind: "attempt-exited",
        code: entry.code,
        signal: entry.signal,
        cause: entry.cause,
      };
    case "setup-ran":
    case "input-stored":
      return null;
  }
}

/** Workers may always answer reviews: the domain refuses when there is none. */
const audienceOf = (role: LiveAttempt["role"]): Audience =>
  role === "manager" ? "manager" : "follow-up";

export function eventOfFinding(
  { session, attempt }: LiveAttempt,
  finding: Finding,
): RunnerEvent | null {
  const of = { session, attempt };
  switch (finding.kind) {
    case "message-taken":
      return { ...of, kind: "message-delivered", message: finding.id };
    case "conversation":
      return { ...of, kind: "conversation-known", conversation: finding.id };
    case "turn-ended":
      return { ...of, kind: "turn-ended", failure: finding.failure };
    case "limit-hit":
      return { ...of, kind: "limit-hit", resetAt: finding.resetAt, reason: finding.reason };
    case "call-interrupted":
      return { ...of, kind: "call-settled", call: finding.call, won: "parked" };
    case "turn-started":
    case "said":
    case "did":
      return null;
  }
}
