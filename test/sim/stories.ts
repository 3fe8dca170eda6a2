/**
 * Stories for the crash enumeration: small, without chance, each about one thing that must survive a crash before and
 * after every effect and every transaction of it.
 */
import { byHand, giveBack, isAway, isWorker, take } from "./hands.ts";
import type { Plan } from "./agent/behaviour.ts";
import type { Wish } from "./people.ts";
import type { Stage } from "./scene.ts";

export interface Story {
  readonly name: string;
  readonly wishes: readonly Wish[];
  /** What else happens, and when (minutes from the start). */
  readonly events?: readonly {
    readonly atMinute: number;
    readonly happen: (stage: Stage) => unknown;
  }[];
  /** Webhooks that arrive; default all. */
  readonly webhooks?: { readonly arrive: number; readonly copies: number };
  /** Nothing is compared with the run without a crash: what a person does in its middle meets another state. */
  readonly open?: true;
  /** Runner machines; default 1. */
  readonly machines?: number;
  /** Long, and much like others: left to `npm run sim:crash`. */
  readonly long?: true;
}

const REPOSITORY = "acme/shop";

const wish = (plan: Partial<Plan>, reviews = 0): readonly Wish[] => [
  {
    atMs: 60_000,
    repository: REPOSITORY,
    title: "A wish",
    plan: { workers: [], idle: [], asks: false, ...plan },
    reviews,
  },
];
const one = [{ title: "alpha", after: [] }];
const asAnn = ({ github }: Stage): ReturnType<Stage["github"]["world"]["as"]> =>
  github.world.as("ann");
const firstPull = ({ github }: Stage): number | undefined =>
  github.world.pulls(REPOSITORY)[0]?.issue.number;

export const STORIES: readonly Story[] = [
  { name: "label to done without a pull request", wishes: wish({}) },
  { name: "label to merged pull request", wishes: wish({ workers: one }) },
  {
    name: "one worker after the other",
    long: true,
    wishes: wish({ workers: [...one, { title: "beta", after: ["alpha"] }] }),
  },
  { name: "a worker that commits nothing", wishes: wish({ workers: one, idle: ["alpha"] }) },
  { name: "the manager's question to its answer", wishes: wish({ asks: true }) },
  { name: "pull request to review to follow-up", wishes: wish({ workers: one }, 1) },
  {
    name: "a comment on the pull request",
    long: true,
    wishes: wish({ workers: one }),
    open: true,
    events: [60, 75, 90].map((atMinute) => ({
      atMinute,
      happen: (stage) => {
        const number = firstPull(stage);
        if (number !== undefined)
          asAnn(stage).comment(REPOSITORY, number, `Again, please (${atMinute}).`);
      },
    })),
  },
  {
    name: "closed in the middle",
    wishes: wish({ workers: one }),
    open: true,
    events: [
      { atMinute: 20, happen: (stage) => asAnn(stage).closeIssue(REPOSITORY, 1, "not_planned") },
    ],
  },
  {
    name: "unlabelled and labelled again",
    wishes: wish({ workers: one }),
    open: true,
    events: [
      { atMinute: 20, happen: (stage) => asAnn(stage).unlabel(REPOSITORY, 1, "objective") },
      { atMinute: 40, happen: (stage) => asAnn(stage).label(REPOSITORY, 1, "objective") },
    ],
  },
  {
    name: "merged while a follow-up is on its way",
    wishes: wish({ workers: one }, 1),
    open: true,
    events: [70, 80, 90, 100].map((atMinute) => ({
      atMinute,
      happen: async (stage) => {
        const number = firstPull(stage);
        if (number !== undefined) await asAnn(stage).merge(REPOSITORY, number);
      },
    })),
  },
  {
    name: "the runner goes down",
    wishes: wish({ workers: one }),
    open: true,
    events: [12, 25, 45].map((atMinute) => ({
      atMinute,
      happen: ({ machines }) => machines.forEach((machine) => machine.reboot()),
    })),
  },
  {
    name: "the runner is cut off",
    long: true,
    wishes: wish({ workers: one }),
    events: [
      {
        atMinute: 12,
        happen: ({ machines }) => machines.forEach((machine) => cutOff(machine, true)),
      },
      {
        atMinute: 50,
        happen: ({ machines }) => machines.forEach((machine) => cutOff(machine, false)),
      },
    ],
  },
  {
    name: "the runner is lost and comes back when its sessions are elsewhere",
    wishes: wish({ workers: one }),
    open: true,
    machines: 2,
    events: [
      {
        atMinute: 8,
        happen: ({ machines }) => machines.slice(0, 1).forEach((machine) => cutOff(machine, true)),
      },
      {
        atMinute: 30,
        happen: ({ machines }) => machines.slice(0, 1).forEach((machine) => cutOff(machine, false)),
      },
      {
        atMinute: 34,
        happen: ({ machines }) => machines.slice(1).forEach((machine) => cutOff(machine, true)),
      },
      {
        atMinute: 60,
        happen: ({ machines }) => machines.slice(1).forEach((machine) => cutOff(machine, false)),
      },
    ],
  },
  {
    name: "taken over and given back",
    long: true,
    wishes: wish({ workers: one }),
    open: true,
    events: [
      { atMinute: 12, happen: ({ plane }) => byHand(plane, "1", isWorker, take(false)) },
      { atMinute: 40, happen: ({ plane }) => byHand(plane, "2", isWorker, take(true)) },
      ...[70, 90].map((atMinute) => ({
        atMinute,
        happen: ({ plane }: Stage) => byHand(plane, String(atMinute), isAway, giveBack),
      })),
    ],
  },
  {
    name: "no webhook arrives",
    wishes: wish({ workers: one, asks: true }),
    webhooks: { arrive: 0, copies: 1 },
  },
  {
    name: "an old backup takes over",
    wishes: wish({ workers: one, asks: true }),
    open: true,
    events: [
      { atMinute: 15, happen: (stage) => stage.keep(stage.plane.backup()) },
      { atMinute: 60, happen: (stage) => stage.restore() },
    ],
  },
];

function cutOff(machine: Stage["machines"][number], off: boolean): void {
  machine.partitioned = off;
  if (off) machine.cut();
}
