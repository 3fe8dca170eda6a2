/** Links fall silent and come back: what is written down of their runners, and when. */
import { expect, test } from "vitest";
import type { Presence } from "../../src/domain/presence.ts";
import { openPresence, type PresenceWatch } from "../../src/fleet/presence.ts";
import type { Link, LinkState } from "../../src/fleet/link.ts";

/** Time that goes on when told. */
class Time {
  at = 0;
  readonly #due: { readonly at: number; readonly callback: () => void }[] = [];
  now = (): number => 1_000_000 + this.at;
  after = (delayMs: number, callback: () => void): (() => void) => {
    const one = { at: this.at + delayMs, callback };
    this.#due.push(one);
    return () => void this.#due.splice(this.#due.indexOf(one), this.#due.includes(one) ? 1 : 0);
  };
  async pass(ms: number): Promise<void> {
    const until = this.at + ms;
    for (;;) {
      const [next] = this.#due.toSorted((a, b) => a.at - b.at);
      if (next === undefined || next.at > until) break;
      this.#due.splice(this.#due.indexOf(next), 1);
      this.at = next.at;
      next.callback();
      await Promise.resolve();
    }
    this.at = until;
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

function linkOf(state: LinkState): { readonly link: Link; become(state: LinkState): void } {
  const listeners = new Set<(state: LinkState) => void>();
  const link = {
    state,
    onState: (listener: (state: LinkState) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that a watch looks at
    link: link as unknown as Link,
    become(next) {
      link.state = next;
      for (const listener of listeners) listener(next);
    },
  };
}

interface World {
  readonly time: Time;
  readonly box: ReturnType<typeof linkOf>;
  readonly written: readonly string[];
  readonly watch: PresenceWatch;
  fail: boolean;
  readonly replace: (link: Link) => void;
}

async function watching(state: LinkState, stored: Presence = ATTACHED): Promise<World> {
  const time = new Time();
  const box = linkOf(state);
  const written: string[] = [];
  const opened = new Array<(runner: string, link: Link) => void>();
  const world = { fail: false };
  const watch = await openPresence({
    links: new Map([["box", box.link]]),
    onLink: (listener) => {
      opened.push(listener);
      return () => {};
    },
    known: async () => [{ name: "box", presence: stored }],
    setReach: async (_, { reach, since }) => {
      if (world.fail) throw new Error("the disk is full");
      written.push(`${time.at}: ${reach} ${since ?? "now"}`);
      return true;
    },
    clock: time,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    limits: { unreachableMs: 30_000, lostMs: 600_000 },
  });
  await time.pass(0);
  return Object.assign(world, {
    time,
    box,
    written,
    watch,
    replace: (link: Link) => opened.forEach((tell) => tell("box", link)),
  });
}

const ATTACHED: Presence = { reach: "attached", since: null };

test("a link that is cut for less than half a minute is only told that it is back", async () => {
  const { time, box, written } = await watching("connected");
  await time.pass(5_000);
  box.become("connecting");
  await time.pass(29_000);
  box.become("connected");
  await time.pass(900_000);
  expect(written).toEqual(["0: attached now", "34000: attached now"]);
});

test("unreachable after half a minute, lost after ten, attached as soon as it answers", async () => {
  const { time, box, written, watch } = await watching("connected");
  box.become("connecting");
  await time.pass(10_000);
  box.become("unreachable");
  await time.pass(650_000);
  expect(watch.of("box")).toEqual({ reach: "lost", since: 1_000_000 });
  box.become("connected");
  await time.pass(0);
  expect(written.slice(1)).toEqual([
    "30000: unreachable 1000000",
    "600000: lost 1000000",
    "660000: attached now",
  ]);
});

test("a new control plane counts anew, and what was lost stays lost", async () => {
  const stored: Presence = { reach: "unreachable", since: 7 };
  const { time, written } = await watching("connecting", stored);
  await time.pass(599_000);
  expect(written).toEqual([]);
  await time.pass(1_000);
  expect(written).toEqual(["600000: lost 7"]);
  const lost = await watching("connecting", { reach: "lost", since: 7 });
  await lost.time.pass(700_000);
  expect(lost.written).toEqual([]);
});

test("one that obeys a newer control plane is not lost: its sessions are the newer one's", async () => {
  const { time, box, written } = await watching("connected");
  box.become("fenced");
  await time.pass(900_000);
  expect(written.slice(1)).toEqual(["30000: unreachable 1000000"]);
});

test("a link that was replaced says nothing any more", async () => {
  const { time, box, written, replace } = await watching("connected");
  const other = linkOf("connected");
  replace(other.link);
  box.become("closed");
  await time.pass(900_000);
  expect(written.filter((line) => !line.includes("attached"))).toEqual([]);
  other.become("unreachable");
  await time.pass(30_000);
  expect(written.at(-1)).toContain("unreachable");
});

test("what could not be written is written when the store is back", async () => {
  const world = await watching("connected");
  world.fail = true;
  world.box.become("unreachable");
  await world.time.pass(40_000);
  world.fail = false;
  await world.time.pass(5_000);
  expect(world.written.at(-1)).toBe("45000: unreachable 1000000");
});
