/**
 * What the demo's story costs of GitHub's patience: every request of ours, by kind, while two pull requests are made,
 * a question is asked and a review is answered. The least anybody could write is one request for everything that is
 * there in the end: comments, pull requests, replies, a resolved thread, reactions, a closed issue.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { PROJECT_FILES } from "../src/demo/project.ts";
import { playStory } from "../src/demo/story.ts";
import type { Exchange } from "../src/emulator/exchange.ts";
import { openHub, PERSON, REPOSITORY, type Hub } from "./hub.ts";
import { pick, type Scale } from "./measure.ts";
import { openDirectory } from "./programs.ts";
import { serve } from "./serve.ts";
import type { Figure } from "./table.ts";
import { gitIn } from "./git.ts";

export async function writes(scale: Scale): Promise<readonly Figure[]> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(openDirectory());
  const counts = new Map<string, number>();
  const onExchange = (exchange: Exchange): void => {
    const kind = kindOf(exchange);
    if (kind !== null) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  };
  const hub = stack.use(await openHub({ from: projectIn(directory.path), onExchange }));
  stack.use(await serve(hub, { directory: directory.path, paced: !scale.quick }));
  const { emulator } = hub;
  const { issue } = await playStory({
    emulator,
    repository: REPOSITORY,
    person: PERSON,
    say: () => {},
  });
  await emulator.world.idle();
  const total = sum(counts, (kind) => !NO_WRITES.has(kind));
  const least = artefacts(hub, issue) + (counts.get("reactions") ?? 0);
  return [
    {
      what: `writes to GitHub for the demo's objective, ${pick(scale, "its limits kept", "no limits")}`,
      ours: `${total} (${listed(counts)})`,
      against: `things left there: ${least}`,
      ratio: total / least,
      spread: "",
      aim: null,
    },
    {
      what: "reads of GitHub for the same, and tokens",
      ours: `${counts.get(READS) ?? 0} reads, ${counts.get(TOKENS) ?? 0} tokens made or given back`,
      against: "",
      ratio: null,
      spread: "",
      aim: null,
    },
  ];
}

const READS = "reads";
const TOKENS = "tokens";
const NO_WRITES: ReadonlySet<string> = new Set([READS, TOKENS]);

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/^GET /u, READS],
  [/^POST .*\/access_tokens$|\/installation\/token$/u, TOKENS],
  [/^PATCH .*\/issues\/comments\//u, "edits of the status"],
  [/^POST .*\/reactions$/u, "reactions"],
  [/^POST .*\/replies$/u, "replies"],
  [/^POST .*\/comments$/u, "comments"],
  [/^POST .*\/pulls$/u, "pull requests"],
  [/^PATCH .*\/issues\/\{/u, "issues closed"],
];

/** Null = nothing of ours. */
function kindOf(exchange: Exchange): string | null {
  if (exchange.kind === "webhook") return null;
  if (exchange.kind === "graphql") {
    const mutation = /^\s*mutation[\s\S]*?\{\s*(?<name>\w+)/u.exec(exchange.query)?.groups?.[
      "name"
    ];
    return mutation ?? READS;
  }
  const line = `${exchange.method} ${exchange.route ?? exchange.path}`;
  return WORDS.find(([pattern]) => pattern.test(line))?.[1] ?? line;
}

const sum = (counts: ReadonlyMap<string, number>, wanted: (kind: string) => boolean): number =>
  [...counts].filter(([kind]) => wanted(kind)).reduce((total, [, count]) => total + count, 0);

const listed = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .filter(([kind]) => !NO_WRITES.has(kind))
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(", ");

/** What stands there in the end and is ours. */
function artefacts({ emulator: { world }, app }: Hub, issue: number): number {
  const own = app.botUser.id;
  const pulls = world.pulls(REPOSITORY).filter(({ issue: { author } }) => author.id === own);
  const numbers = [issue, ...pulls.map((pull) => pull.issue.number)];
  const comments = numbers
    .flatMap((number) => world.comments(REPOSITORY, number))
    .filter(({ author }) => author.id === own);
  const threads = pulls.flatMap((pull) => world.reviewThreads(REPOSITORY, pull.issue.number));
  const replies = threads
    .flatMap((thread) => thread.comments)
    .filter(({ author }) => author.id === own);
  const resolved = threads.filter(({ resolvedBy }) => resolvedBy?.id === own);
  const closed = 1;
  return pulls.length + comments.length + replies.length + resolved.length + closed;
}

function projectIn(directory: string): string {
  const path = join(directory, "origin");
  for (const [file, content] of Object.entries(PROJECT_FILES)) {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), content);
  }
  const git = gitIn(path);
  git("init", "--initial-branch=main");
  git("add", "-A");
  git("commit", "-m", "begin");
  return path;
}
