/**
 * Bugs to plant: what could be written by mistake, one at a time, into the source as it is loaded. A simulation that does not
 * notice one of them proves nothing. The text to replace must be there, so that a bug cannot quietly become none.
 */
import type { FaultKind } from "../faults.ts";

export interface Bug {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Faults without which it does not show; the hunt has them, and half of the others. */
  readonly needs: readonly FaultKind[];
  /** Faults that would hide it. */
  readonly but?: readonly FaultKind[];
  /** It takes many seeds: hunted by `npm run sim:bugs` only. */
  readonly rare?: true;
  /** The nets hide it: run without sweeps. */
  readonly sweeps?: false;
  /** Webhooks: which share arrives, how often each. */
  readonly webhooks?: { readonly arrive: number; readonly copies: number };
}

const LOST: readonly FaultKind[] = ["answer lost", "call failed after"];
const CRASHES: readonly FaultKind[] = ["killed at a call", "killed at a transaction", "killed"];

export const BUGS: readonly Bug[] = [
  {
    name: "the attempt is counted after the request",
    rare: true,
    file: "src/store/lanes.ts",
    find: "run(counted[table]({ seq: row.seq, attempts: row.attempts + 1 }));",
    replace:
      "if (table === 'inbox') run(counted[table]({ seq: row.seq, attempts: row.attempts + 1 }));",
    needs: [...CRASHES, ...LOST],
  },
  {
    name: "no look before a comment is posted again",
    file: "src/github/comments.ts",
    find: "const left = again ? await lookTwice(performing, look) : undefined;\n  const posted =",
    replace: "const left = undefined as Found | undefined;\n  const posted =",
    needs: LOST,
    but: ["lists lag"],
  },
  {
    name: "no second look at a list that lags, and no healing",
    file: "src/github/comments.ts",
    find: 'if (again) await performing.suspect({ kind: "comment", repository, number, key, question });',
    replace: "",
    needs: [...LOST, "lists lag"],
  },
  {
    name: "a lost answer counts as surely not done",
    file: "src/github/outcome.ts",
    find: 'certainty: notSent ? "surely-not" : "unknown",',
    replace: 'certainty: "surely-not",',
    needs: LOST,
  },
  {
    name: "an error of the server counts as surely not done",
    file: "src/github/outcome.ts",
    find: 'return failure("unavailable", "unknown");',
    replace: 'return failure("unavailable", "surely-not");',
    needs: ["call failed after"],
  },
  {
    name: "a webhook is answered before it is stored",
    file: "src/inbox/group.ts",
    find: "await inbox.accept(group.map(({ delivery }) => delivery));",
    replace: "void inbox.accept(group.map(({ delivery }) => delivery));",
    needs: CRASHES,
    sweeps: false,
  },
  {
    name: "what webhook and sweep both tell enters twice",
    rare: true,
    file: "src/store/inbox-table.ts",
    find: "inserted({\n      key,",
    replace: "inserted({\n      key: `${key}:${now}`,",
    needs: ["webhook doubled", "webhook late"],
    webhooks: { arrive: 1, copies: 3 },
  },
  {
    name: "a canceled session can come back",
    file: "src/domain/session.ts",
    find: 'state.kind === "succeeded" || state.kind === "failed" || state.kind === "canceled";',
    replace: 'state.kind === "succeeded" || state.kind === "failed";',
    needs: ["issue closed"],
  },
  {
    name: "two control planes may write",
    rare: true,
    file: "src/store/ownership.ts",
    find: "if (epoch !== own.epoch)",
    replace: "if (epoch > own.epoch + 1_000)",
    needs: ["second control plane"],
    but: ["lists lag"],
  },
  {
    name: "a runner is given more than it has slots",
    file: "src/store/runner-table.ts",
    find: "const given = { kind, state, slots, ...columnsOf(runner) };",
    replace: "const given = { kind, state, slots: slots + 1, ...columnsOf(runner) };",
    needs: [],
  },
  {
    name: "dependencies are not waited for",
    file: "src/domain/plan.ts",
    find: 'session.state.kind === "queued" && unmet(objective, session).length === 0;',
    replace: 'session.state.kind === "queued";',
    needs: [],
  },
  {
    name: "comments carry no marker",
    file: "src/github/marker.ts",
    find: "`${markdown.trimEnd()}\\n\\n${marker}`;",
    replace: "markdown.trimEnd();",
    needs: [],
  },
  {
    name: "agents may bring a marker along",
    file: "src/markdown/harmless.ts",
    find: 'text.replaceAll(/<!--(?=\\s*orcha)/giu, "<!- -");',
    replace: "text;",
    needs: ["agent hostile"],
  },
  {
    name: "a merged pull request is pushed to",
    rare: true,
    file: "src/github/push-gate.ts",
    find: 'pull === null || pull.state === "open" || pull.state === "draft"\n    ? null',
    replace: "pull === null || pull.number > 0\n    ? null",
    needs: ["merged early", "pull request closed"],
  },
  {
    name: "the last words of an agent are lost",
    file: "src/engine/record.ts",
    find: "transcript.append(stream, this.#cutters[stream].end());",
    replace: "this.#cutters[stream].end();",
    needs: ["agent crashes"],
  },
  {
    name: "the cursor moves before what was found is stored",
    file: "src/store/queue-table.ts",
    find: "for (const item of items) insertItem(db, item, now);",
    replace: "for (const item of items.slice(1)) insertItem(db, item, now);",
    needs: [],
  },
  {
    name: "strangers are heard",
    file: "src/domain/conversation.ts",
    find: 'mayCommand(step.context.facts.permission ?? "none")) return true;',
    replace: 'mayCommand(step.context.facts.permission ?? "none") || actor.id > 0) return true;',
    needs: ["stranger comments", "agent asks"],
  },
  {
    name: "timers are forgotten when they fire",
    file: "src/store/queue-table.ts",
    find: "key: `timer:${objective_id}:${name}:${at}`",
    replace: "key: `timer:${objective_id}`",
    needs: ["runner disk full", "checkout failed", "agent fails turn"],
  },
  {
    name: "messages on their way are lost with their process",
    file: "src/domain/away.ts",
    find: "session.mailbox.map(({ id, text }) => ({ id, text, sentTo: null }))",
    replace: "session.mailbox.filter((mail) => mail.sentTo === null)",
    needs: ["agent dies before reading"],
  },
  {
    name: "a message sent again is a new message",
    file: "src/agents/driver.ts",
    find: 'JSON.stringify({ type: "user", uuid: id, text })',
    replace: 'JSON.stringify({ type: "user", uuid: `${id}-${process.hrtime.bigint()}`, text })',
    needs: [
      "host rebooted",
      "agent crashes",
      "agent asks",
      "reply lost",
      "connection cut",
      ...CRASHES,
    ],
  },
  {
    name: "a slot is kept when its process is gone",
    file: "src/store/objective-table.ts",
    find: "leaveSlot(db, { session: was.id, attempt: was.attempt, runner, slot }, stops);",
    replace: "void [runner, slot, stops, leaveSlot];",
    needs: [],
  },
  {
    name: "a lost session's old attempt is not fenced",
    file: "src/domain/away.ts",
    find: "    step.stopProcess(session, from);\n    processLost(step, session);\n    step.move",
    replace: "    processLost(step, session);\n    step.move",
    needs: ["runner lost"],
  },
  {
    name: "unlabelling is not heard",
    file: "src/domain/start.ts",
    find: "issue.open && issue.labels.includes(config.config.label);",
    replace: "issue.labels.includes(config.config.label);",
    needs: ["issue closed"],
  },
  {
    name: "what webhooks did not bring is not looked for",
    file: "src/compose/plane.ts",
    find: "return { adapters, presence, sweep: () => sweep(parts, adapters, stack) };",
    replace: "return { adapters, presence, sweep: () => undefined };",
    needs: ["webhook lost"],
    webhooks: { arrive: 0.3, copies: 1 },
  },
  {
    name: "changes are not audited",
    file: "src/store/sqlite.ts",
    find: "  appendEvent(db, {",
    replace: "  if (item.event.kind !== 'tool-called') appendEvent(db, {",
    needs: [],
  },
  {
    name: "a restored backup trusts itself",
    rare: true,
    file: "src/store/ownership.ts",
    find: "inDoubt: (now) => own !== null && now < doubtUntil(own),",
    replace: "inDoubt: () => false,",
    needs: ["old backup restored"],
  },
  {
    name: "an exhausted agent is started all the same",
    file: "src/domain/limit.ts",
    find: "  step.exhausted(agent).until <= step.context.now;",
    replace: "  step.exhausted(agent).until !== step.context.now;",
    needs: ["agent hits limit"],
  },
  {
    name: "an effect is forgotten when its try failed",
    file: "src/store/outbox-table.ts",
    find: "not_before: notBefore,\n        error,",
    replace: 'not_before: notBefore,\n        state: "refused",\n        error,',
    needs: ["call refused", "call failed before"],
  },
];
