/** Invariants 21 to 24 and 30: questions, transcripts, the inbox. */
import { isOver } from "../../src/domain/objective.ts";
import { isTerminal } from "../../src/domain/session.ts";
import { first, type Evidence, type Invariant } from "./evidence.ts";

/** More than any load of the tests makes. */
const QUEUE_MAX = 5_000;

export const answeredOnce: Invariant = {
  number: 21,
  name: "an answer reaches the session that asked exactly once",
  when: "always",
  check: ({ runners, objectives }) =>
    first(objectives, ({ sessions, questions }) =>
      first(sessions, ({ id, role }) => {
        // What Orcha itself asks is answered to the manager.
        const own = questions.filter(({ session }) =>
          session === null ? role === "manager" : session === id,
        );
        return first(own, ({ number, state, text: asked }) => {
          if (state.kind !== "answered") return null;
          const words = JSON.stringify(state.text).slice(1, -1);
          const question = JSON.stringify(asked).slice(1, -1);
          // One that was lost with its machine is told again what nobody knows whether it has read.
          return first(runners, ({ taken }) => {
            // So is another agent that takes over, in its brief.
            const times = taken(id).filter(
              (text) =>
                !text.includes("You take over from") &&
                ["answered your question", question, words].every((part) => text.includes(part)),
            );
            return times.length <= 1
              ? null
              : `${id} got the answer to question ${number} ${times.length} times`;
          });
        });
      }),
    ),
};

export const answeredByTheTrusted: Invariant = {
  number: 21,
  name: "only people with write permission answer",
  when: "always",
  check: ({ objectives, trusted }) =>
    first(objectives, ({ questions }) =>
      first(questions, ({ number, state }) =>
        state.kind !== "answered" || trusted.has(state.by)
          ? null
          : `question ${number} was answered by ${state.by}`,
      ),
    ),
};

export const nobodyWaitsForAnAnswer: Invariant = {
  number: 21,
  name: "no answered question waits for its session",
  when: "settled",
  check: ({ objectives }) =>
    first(objectives, (objective) =>
      first(objective.questions, ({ number, state, session }) => {
        if (state.kind !== "answered" || state.delivery.kind === "delivered" || isOver(objective))
          return null;
        const asker = objective.sessions.find(({ id }) => id === session);
        const gone = asker === undefined || isTerminal(asker.state);
        return gone ? null : `the answer to question ${number} was not delivered`;
      }),
    ),
};

export const transcriptsAreExact: Invariant = {
  number: 22,
  name: "a transcript is the beginning of what its agent wrote, and in the end all of it",
  when: "always",
  check: ({ transcripts, runners, restored }) =>
    first(transcripts, ({ session, attempt, runner, stored, closed }) => {
      const output = runners.find(({ name }) => name === runner)?.output(session, attempt) ?? null;
      if (output === null) return null;
      const same = Buffer.compare(stored, output.subarray(0, stored.byteLength)) === 0;
      if (!same) return `${session}/${attempt} is not what its agent wrote`;
      // Of what was over before a backup took over on another machine nothing is fetched again.
      return closed && restored === 0 && stored.byteLength !== output.byteLength
        ? `${session}/${attempt} has ${stored.byteLength} of ${output.byteLength} bytes`
        : null;
    }),
};

export const passedOnOnce: Invariant = {
  number: 23,
  name: "what a person says reaches a session once",
  when: "always",
  check: ({ runners, objectives }) =>
    first(objectives, ({ sessions }) =>
      first(sessions, ({ id, title }) => {
        // People of the tests never say the same twice.
        return first(runners, ({ taken }) => {
          const said = taken(id).filter((text) => / commented on /u.test(text));
          const twice = said.find((text, n) => said.indexOf(text) !== n);
          return twice === undefined ? null : `${title} was told twice: ${twice.slice(0, 80)}`;
        });
      }),
    ),
};

/** The most that may wait for one session: then the oldest is dropped, with a note. */
const MAIL_MAX = 100;

export const noMessageIsLost: Invariant = {
  number: 23,
  name: "every message a session was sent was read by its agent or still waits",
  when: "settled",
  check: ({ runners, objectives, restored, forgetful }) =>
    restored > 0 || forgetful
      ? null
      : first(objectives, ({ sessions }) =>
          first(sessions, ({ id, title, mailed, mailbox }) => {
            const read = runners.reduce((sum, { taken }) => sum + taken(id).length, 0);
            return read + mailbox.length >= mailed || mailed > MAIL_MAX
              ? null
              : `${title} was sent ${mailed} messages and read ${read}`;
          }),
        ),
};

export const everyMessageArrives: Invariant = {
  number: 23,
  name: "no message waits for a session that lives",
  when: "settled",
  check: ({ objectives }) =>
    first(objectives, (objective) =>
      isOver(objective)
        ? null
        : first(objective.sessions, ({ title, state, mailbox }) =>
            isTerminal(state) || mailbox.length === 0
              ? null
              : `${title} has ${mailbox.length} messages to read`,
          ),
    ),
};

export const acceptedIsStored: Invariant = {
  number: 24,
  name: "what was answered with 2xx is stored",
  when: "always",
  check({ accepted, deliveries, restored }, memory) {
    if (restored > 0 || memory.get("seen") === String(accepted.size)) return null;
    memory.set("seen", String(accepted.size));
    const stored = deliveries();
    return first([...accepted], (guid) =>
      stored.has(guid) ? null : `${guid} was accepted and is not there`,
    );
  },
};

export const acceptedIsHandled: Invariant = {
  number: 24,
  name: "every delivery was routed or set aside, and nothing waits",
  when: "settled",
  check: ({ deliveries, inboxPending, effects }: Evidence) => {
    const stuck = [...deliveries()].find(([, state]) => state === "new");
    if (stuck !== undefined) return `${stuck[0]} was never routed`;
    if (inboxPending > 0) return `${inboxPending} events wait`;
    const pending = effects.find(({ state }) => state === "pending");
    return pending === undefined ? null : `${pending.effect.kind} ${pending.key} waits`;
  },
};

export const boundedAndShort: Invariant = {
  number: 30,
  name: "no transaction stays open, no queue grows without end",
  when: "always",
  check: ({ inTransaction, inboxPending, effects }) => {
    if (inTransaction) return "a transaction is open";
    const waiting = effects.filter(({ state }) => state === "pending").length;
    if (inboxPending > QUEUE_MAX) return `${inboxPending} events wait`;
    return waiting > QUEUE_MAX ? `${waiting} effects wait` : null;
  },
};
