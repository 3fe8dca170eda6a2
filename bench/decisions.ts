/**
 * Decisions: the rules alone; and event → decision → transaction through the engine, in memory and on disk, where each
 * waits for its own sync. Every event is a person's comment on an objective of its own whose manager is at work.
 */
import { join } from "node:path";
import { decide } from "../src/domain/decide.ts";
import type { ObjectiveEvent } from "../src/domain/event.ts";
import type { Facts } from "../src/domain/facts.ts";
import { openDrain } from "../src/engine/drain.ts";
import { repository, rules } from "../test/domain/cast.ts";
import { Play } from "../test/domain/play.ts";
import { report, spawn } from "../test/domain/begin.ts";
import { crowd, derive, openCrowded, silent, type Crowded } from "./crowd.ts";
import { syncsPerSecond } from "./machine.ts";
import { interleaved, median, pick, ratios, short, spreadOf, type Scale } from "./measure.ts";
import { openDirectory } from "./programs.ts";
import type { Figure } from "./table.ts";

export async function decisions(scale: Scale): Promise<readonly Figure[]> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(openDirectory());
  const objectives = pick(scale, 200, 5);
  const each = pick(scale, 5, 1);
  const memory = stack.use(await openCrowded(":memory:", crowd(objectives, 2)));
  const disk = stack.use(await openCrowded(join(directory.path, "orcha.db"), crowd(objectives, 2)));
  const inputs = recorded();
  const values = await interleaved(pick(scale, 7, 1), {
    alone: async () => alone(inputs, pick(scale, 20_000, 100)),
    memory: () => drained(memory, objectives, each),
    disk: () => drained(disk, objectives, each),
    syncs: async () => syncsPerSecond(directory.path, 4096, pick(scale, 400, 20)),
  });
  return [
    figure(
      "decisions, engine over the store on disk",
      values.disk,
      "this disk's syncs",
      values.syncs,
    ),
    figure(
      "decisions, engine over the store in memory",
      values.memory,
      "the rules alone",
      values.alone,
    ),
  ];
}

const figure = (
  what: string,
  ours: readonly number[],
  to: string,
  theirs: readonly number[],
): Figure => ({
  what,
  ours: `${short(median(ours))} /s`,
  against: `${to}: ${short(median(theirs))} /s`,
  ratio: median(ratios(ours, theirs)),
  spread: spreadOf(ours),
  aim: null,
});

interface Input {
  readonly play: Play;
  readonly before: Play["objective"];
  readonly event: ObjectiveEvent;
  readonly facts: Facts;
}

/** Remembers what went into each decision. */
class Recording extends Play {
  readonly inputs: Input[] = [];

  override send(event: ObjectiveEvent, facts: Facts = this.facts(event)): this {
    this.inputs.push({ play: this, before: this.objective, event, facts });
    return super.send(event, facts);
  }
}

/** From the label to a question of a stranger after a result. */
function recorded(): readonly Input[] {
  const play = new Recording();
  play.label().start().call("manager", spawn("api"));
  play.start("api").call("api", report());
  play.park("api").reads().comment("Use Redis");
  return play.inputs;
}

function alone(inputs: readonly Input[], times: number): number {
  const own = derive("cause");
  const began = performance.now();
  for (let time = 0; time < times; time++) {
    const input = inputs[time % inputs.length];
    if (input === undefined) break;
    const { before, event, facts } = input;
    decide(before, repository, event, { now: 1, derive: own, deriveFixed: own, facts, rules });
  }
  return (1000 * times) / (performance.now() - began);
}

let comments = 0;

async function drained(
  { store, clock }: Crowded,
  objectives: number,
  each: number,
): Promise<number> {
  const items = Array.from({ length: objectives * each }, (_, index) => {
    const number = 1 + (index % objectives);
    const comment = ++comments;
    return {
      key: `comment-${comment}`,
      repository,
      subject: { kind: "issue", number } as const,
      event: {
        kind: "comment-created",
        number,
        on: "issue",
        comment,
        actor: { id: 1, login: "ann", type: "user" },
        text: "Please look at the limits, too.",
        url: "https://github.test/comment",
      } as const,
    };
  });
  await store.enqueue(items, clock.now());
  const drain = openDrain({
    store,
    clock,
    log: silent,
    rules,
    derive,
    forge: {
      read: async () => ({ permission: "write" }),
      ownHeadBranch: async () => null,
      perform: async () => ({ kind: "done" }),
    },
  });
  const began = performance.now();
  for (let taken = 0; taken < items.length; taken += await drain.once()) await drain.idle();
  await drain.idle();
  return (1000 * items.length) / (performance.now() - began);
}
