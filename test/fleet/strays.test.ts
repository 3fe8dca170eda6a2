/** A restored backup and a real runner, on which attempts run that its record does not know. */
import { expect, test } from "vitest";
import { openCatalog } from "../../src/agents/catalog.ts";
import { openFleet } from "../../src/fleet/fleet.ts";
import { openStrays, type Strays } from "../../src/fleet/strays.ts";
import type { SessionPlace } from "../../src/domain/session.ts";
import { openLog, VirtualClock } from "../engine/world.ts";
import { RunnerWorld, type Sink, waitFor } from "../runners/world.ts";

interface Given {
  readonly sinks: readonly Sink[];
  readonly sessions: readonly string[];
  readonly clock: VirtualClock;
  readonly log: ReturnType<typeof openLog>;
  readonly places: Map<string, SessionPlace>;
  /** The record is opened: a new connection, at which the runner lists what it runs. */
  readonly open: () => Strays;
}

/** As many agents as there are places, each an attempt 1 that runs until it is stopped. */
async function given(world: RunnerWorld, wanted: readonly (SessionPlace | null)[]): Promise<Given> {
  const sessions = wanted.map(() => world.session());
  const sinks = await Promise.all(
    sessions.map((session) => world.run(world.plain(session, ["cat"]))),
  );
  const places = new Map(
    wanted.flatMap((place, n) => (place === null ? [] : [[sessions[n] ?? "", place] as const])),
  );
  const clock = new VirtualClock();
  const log = openLog();
  const placeOf = async (session: string) => places.get(session) ?? null;
  const open = (): Strays => {
    const links = new Map([["here", world.openLink()]]);
    const fleet = openFleet({
      link: (name) => links.get(name),
      agent: (name) => openCatalog().named(name),
      cloneUrl: () => "https://github.test/acme/shop.git",
      credential: () => Promise.reject(new Error("nothing is started here")),
    });
    const strays = openStrays({ links, fleet, placeOf, clock, log, graceMs: 100 });
    return {
      close() {
        strays.close();
        for (const link of links.values()) void link.close();
      },
    };
  };
  return { sinks, sessions, clock, log, places, open };
}

const onRunner = (runner: string | null, more: Partial<SessionPlace> = {}): SessionPlace => ({
  runner,
  attempt: 1,
  over: false,
  ...more,
});

test("what nobody knows, what is over and what was placed elsewhere is stopped; ours runs on", async () => {
  await using world = await RunnerWorld.open();
  const { sinks, sessions, log, open } = await given(world, [
    null,
    onRunner("here", { over: true }),
    onRunner("there"),
    onRunner("here"),
  ]);
  const strays = open();
  const [unknown, over, elsewhere, ours] = sinks;
  for (const sink of [unknown, over, elsewhere])
    expect(await sink?.exited()).toMatchObject({ cause: "stopped" });
  await waitFor("three lines in the log", () => log.lines.length === 3);
  expect(log.lines.map(({ fields }) => fields)).toEqual(
    sessions.slice(0, 3).map((session) => ({ runner: "here", session, attempt: 1 })),
  );
  expect(ours?.entry("exited")).toBeUndefined();
  strays.close();
  await world.ask({ op: "stop", session: sessions[3] ?? "", attempt: 1, graceMs: 100 });
});

test("a session that is still to be placed: its attempt waits, and goes when it was placed elsewhere", async () => {
  await using world = await RunnerWorld.open();
  const { sinks, sessions, clock, places, open } = await given(world, [
    onRunner(null, { attempt: 0 }),
    onRunner("here", { attempt: 0 }),
  ]);
  const strays = open();
  await waitFor("a second look to be planned", () => clock.next !== null);
  expect(sinks.map((sink) => sink.entry("exited"))).toEqual([undefined, undefined]);
  places.set(sessions[0] ?? "", onRunner("there"));
  places.set(sessions[1] ?? "", onRunner("here"));
  clock.move(60_000);
  expect(await sinks[0]?.exited()).toMatchObject({ cause: "stopped" });
  expect(sinks[1]?.entry("exited")).toBeUndefined();
  strays.close();
  await world.ask({ op: "stop", session: sessions[1] ?? "", attempt: 1, graceMs: 100 });
});
