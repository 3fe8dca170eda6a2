/**
 * One chaos run: real control plane, runner, agents and git against the emulated GitHub, while everything is killed and
 * cut by chance. In the end the harm stops, everything has to come to its end, and the invariants of the simulation are
 * checked. What is under way when something strikes is not repeatable; the seed repeats the draws.
 */
import { rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { openRandom } from "../sim/random.ts";
import { openChaos, type Chaos } from "./chaos.ts";
import { openJudge, type Judge, type Report } from "./judge.ts";
import type { ChaosOptions } from "./options.ts";
import { wishOf } from "./wishes.ts";

/** What was asked for has so long to suffer. */
const LAST_MS_MAX = 90_000;
const LOOK_MS = 250;
const CHECK_MS = 10_000;
const SETTLE_LOOK_MS = 1_000;

export async function runChaos(options: ChaosOptions): Promise<Report> {
  const began = Date.now();
  let report: Report;
  {
    await using chaos = await openChaos(options);
    const judge = openJudge(chaos, options);
    await chaos.server.serving();
    await suffer(chaos, judge, options);
    await chaos.heal();
    const healed = Date.now();
    options.onProgress?.(`no more harm: ${judge.progress()}`);
    await settle(chaos, judge, options);
    const times = { "seconds to settle": seconds(healed), seconds: seconds(began) };
    report = await judge.report(times);
  }
  if (report.wrong.length === 0) rmSync(report.directory, { recursive: true, force: true });
  return report;
}

/** The phase with harm: nothing wrong may ever be seen. */
async function suffer({ people, github }: Chaos, judge: Judge, options: ChaosOptions) {
  const random = openRandom(`${options.seed}/wishes`);
  const began = Date.now();
  const lastMs = Math.min(LAST_MS_MAX, options.harmMs / 3);
  let checkedAt = began;
  while (judge.violation() === null && Date.now() - began < options.harmMs) {
    const asking = Date.now() - began < options.harmMs - lastMs;
    const { length } = people.asked;
    if (asking && length < options.objectives && people.open < options.atOnce)
      people.ask(wishOf(random, length, github.repositories, options.stream));
    await people.look();
    if (Date.now() - checkedAt > CHECK_MS) {
      await judge.check(false);
      checkedAt = Date.now();
      options.onProgress?.(judge.progress());
    }
    await delay(LOOK_MS);
  }
}

/** The phase without: everything comes to its end. */
async function settle({ people }: Chaos, judge: Judge, options: ChaosOptions): Promise<void> {
  const until = Date.now() + options.settleMs;
  while (judge.violation() === null && Date.now() < until) {
    await people.look();
    await delay(SETTLE_LOOK_MS);
    if (people.open === 0 && (await judge.isSettled())) return;
  }
}

const seconds = (since: number): number => Math.round((Date.now() - since) / 1_000);
