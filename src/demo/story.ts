/** The people of the demo: they label, answer, push, review and merge, each when the time has come. */
import type { Emulator } from "../emulator/emulator.ts";
import type { Pull } from "../emulator/model.ts";
import { OBJECTIVE_BODY, OBJECTIVE_TITLE } from "./objective.ts";

export interface Story {
  readonly emulator: Emulator;
  readonly repository: string;
  readonly person: string;
  readonly say: (line: string) => void;
}

export interface Ending {
  readonly issue: number;
  readonly pullRequests: number;
  readonly summary: string;
}

/** The demo should take less than a minute; a step that takes longer than this is stuck. */
const STEP_MS_MAX = 45_000;
const QUESTION = "How many requests per minute";

/** Plays the story to its end. Rejects, naming the step, when one does not come. */
export async function playStory({ emulator, repository, person, say }: Story): Promise<Ending> {
  const { world } = emulator;
  const hands = world.as(person);
  const until = <T>(what: string, look: () => T | undefined | null | false): Promise<T> =>
    world.waitFor(look, { what, timeoutMs: STEP_MS_MAX });
  const pullNamed = (title: string, ready: boolean): Pull | undefined =>
    world.pulls(repository).find((pull) => pull.issue.title === title && (!ready || !pull.draft));

  const { number: issue } = hands.openIssue(repository, {
    title: OBJECTIVE_TITLE,
    body: OBJECTIVE_BODY,
  });
  hands.label(repository, issue, "objective");
  say(`${person} labels issue #${issue} (${emulator.url}/${repository}/issues/${issue})`);

  await until("the limiter's question", () =>
    world.comments(repository, issue).some(({ body }) => body.includes(QUESTION)),
  );
  hands.comment(repository, issue, "100");

  const limiter = await until("the limiter's pull request", () =>
    pullNamed("Limit requests per client", true),
  );
  const errors = await until("the other pull request", () =>
    pullNamed("Tell refused clients when to come back", true),
  );
  const number = limiter.issue.number;
  await hands.push(repository, limiter.headRef, {
    message: "Say where the limit is",
    files: { "LIMITS.md": "The limit per client is in `src/limiter.js`.\n" },
  });
  say(`${person} pushes a commit of their own to ${limiter.headRef}`);
  await hands.review(repository, number, {
    event: "REQUEST_CHANGES",
    body: "Nearly there.",
    comments: [{ path: "src/limiter.js", line: 3, body: "Please make the window configurable." }],
  });
  say(
    `${person} reviews #${number} with an inline comment (${emulator.url}/${repository}/pull/${number})`,
  );
  await until("the review thread to be answered and resolved", () => {
    const [thread] = world.reviewThreads(repository, number);
    return thread?.resolvedBy !== undefined && thread.comments.length > 1;
  });
  say(`the thread is answered and resolved, on top of ${person}'s own commit`);

  await hands.merge(repository, number);
  await hands.merge(repository, errors.issue.number);
  say(`${person} merges #${number} and #${errors.issue.number}`);
  await until("the issue to be closed", () => world.issue(repository, issue).state === "closed");
  const summary =
    world.comments(repository, issue).findLast(({ body }) => body.includes("Done."))?.body ?? "";
  return { issue, pullRequests: world.pulls(repository).length, summary };
}
