/** What people ask for in a chaos run: objectives of several shapes, as steps of the script agent. */
import type { Random } from "../sim/random.ts";

export const SHAPES = [
  "no-pull",
  "one",
  "two",
  "question",
  "review",
  "closed",
  "relabelled",
] as const;
/** `stream`: nothing but a manager that talks for most of a minute, of which every byte is compared. */
export type Shape = (typeof SHAPES)[number] | "stream";

export interface Wish {
  /** Counts from 0; the files of its workers begin with it. */
  readonly n: number;
  readonly shape: Shape;
  readonly repository: string;
  readonly title: string;
  readonly body: string;
  /** When a person changes their mind, ms after the label; for `closed` and `relabelled`. */
  readonly regretMs: number;
}

/** The answer to every question. */
export const ANSWER = "100";
const REGRET_MS_MAX = 9_000;

export function wishOf(
  random: Random,
  n: number,
  repositories: readonly string[],
  streams = false,
): Wish {
  const drawn =
    n < SHAPES.length ? (SHAPES[n] ?? "one") : random.pick<Shape>(["no-pull", ...SHAPES]);
  const shape = streams ? "stream" : drawn;
  const repository = repositories[n % repositories.length] ?? "";
  const steps = stepsOf(shape, n, random.int(50, 500));
  const body = `Please.\n\n\`\`\`orcha-steps\n${JSON.stringify(steps)}\n\`\`\`\n`;
  const regretMs = random.int(500, REGRET_MS_MAX);
  return { n, shape, repository, title: `Wish ${n}: ${shape}`, body, regretMs };
}

/** Several hundred lines, a few every second. */
const WORDS = "This is what an agent says while it works: čšž, 🦀, and more. ".repeat(12);
const STREAM = { repeat: 300, steps: [{ say: WORDS }, { sleep: 100 }] };

const spawn = (title: string, more: object = {}): unknown => ({
  tool: "spawn_session",
  args: { title, goal: `Do your part, ${title}.`, ...more },
  save: title,
});
const publish = (title: string): unknown => ({
  tool: "publish_pr",
  args: { session: `\${${title}.session}`, title: `Part ${title}` },
});
const reported = (title: string): string => `Worker "${title}" reported`;
const finish = { tool: "finish_objective", args: { summary: "All that was asked for." } };
const merged = { wait: "Every pull request is merged" };
const report = (what: string): unknown => ({
  tool: "report_result",
  args: { what, why: "Asked for.", tests: [] },
});

/** Each worker has a file of its own, which a second run adds to: no two changes conflict but by people. */
const work = (n: number, title: string, sleepMs: number): readonly unknown[] => [
  { say: `Working on ${title} of wish ${n}.` },
  { sleep: sleepMs },
  { append: { path: `parts/${n}-${title}.md`, content: `${title} of ${n}\n` } },
  { commit: `Add ${title} of ${n}` },
  report(`Part ${title}.`),
];

function stepsOf(shape: Shape, n: number, sleepMs: number): unknown {
  const one = [spawn("a"), { wait: reported("a") }, publish("a"), merged, finish];
  const plain = { manager: one, workers: { a: work(n, "a", sleepMs) } };
  switch (shape) {
    case "no-pull":
      return {
        manager: [{ say: "Nothing to change." }, { sleep: sleepMs }, finish],
        workers: {},
      };
    case "stream":
      return { manager: [STREAM, finish], workers: {} };
    case "one":
    case "closed":
    case "relabelled":
      return plain;
    case "two":
      return {
        manager: [
          spawn("a"),
          spawn("b", { depends_on: ["a"] }),
          { waitAll: [reported("a"), reported("b")] },
          publish("a"),
          publish("b"),
          merged,
          finish,
        ],
        workers: { a: work(n, "a", sleepMs), b: work(n, "b", sleepMs) },
      };
    case "question":
      return {
        manager: one,
        workers: {
          a: [
            { tool: "ask_human", args: { question: `How many for wish ${n}?` } },
            { wait: "answered your question", save: "answer" },
            {
              append: { path: `parts/${n}-a.md`, content: `\${answer.data.answer}\n` },
            },
            { commit: `Add a of ${n}` },
            report("As answered."),
          ],
        },
      };
    case "review":
      return {
        manager: one,
        workers: {
          a: [
            ...work(n, "a", sleepMs),
            { wait: "reviewed your pull request", save: "review" },
            { append: { path: `parts/${n}-a.md`, content: "reviewed\n" } },
            { commit: `Do what the review of ${n} asks for` },
            {
              tool: "reply_to_review",
              args: { thread: "${review.data.threads.0.thread}", text: "Done.", outcome: "fixed" },
            },
            report("As reviewed."),
          ],
        },
      };
  }
}
