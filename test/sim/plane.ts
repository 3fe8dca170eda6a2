/**
 * The control plane of the simulation: the real one (src/compose/plane.ts) over a database in memory, and what
 * operators and their machine do to it: kill, terminate, restore, set the clock, fill the disk.
 */
import Database from "better-sqlite3";
import { pino } from "pino";
import { openPlane } from "../../src/compose/plane.ts";
import type { Config } from "../../src/config.ts";
import type { Clock } from "../../src/engine/ports.ts";
import type { Link } from "../../src/fleet/link.ts";
import type { Fetch } from "../../src/github/client.ts";
import type { PushGateOptions } from "../../src/github/push-gate.ts";
import { openGroupCommit, type GroupCommit } from "../../src/inbox/group.ts";
import type { Delivery } from "../../src/inbox/port.ts";
import { StoreUnavailable } from "../../src/inbox/port.ts";
import { withArrivals } from "../../src/store/arrivals.ts";
import { databaseOver, type Db } from "../../src/store/database.ts";
import { markRestored } from "../../src/store/identity.ts";
import { Fenced, type NewItem, type Store } from "../../src/store/port.ts";
import { storeOver } from "../../src/store/sqlite.ts";
import { openLife, throughLife, type Killer, type Life } from "./life.ts";
import { openNetwork } from "./network.ts";
import { changesOf } from "./query.ts";
import { ModelLink } from "./runner/link.ts";
import type { Machine } from "./runner/machine.ts";
import type { Sim } from "./sim.ts";
import { openMemorySegments, type MemorySegments } from "./segments.ts";
import { openSleep, type Sleep } from "./sleep.ts";
import { openMemoryTranscripts, type MemoryTranscripts } from "./transcripts.ts";

export interface PlaneOptions {
  readonly sim: Sim;
  readonly config: Config;
  readonly app: NonNullable<Config["app"]>;
  readonly machines: readonly Machine[];
  readonly slots: number;
  readonly serve: Fetch;
  readonly quarantine: NonNullable<PushGateOptions["quarantine"]>;
  readonly killer: Killer;
  readonly github: { readonly down: boolean };
  readonly installation: string;
  /** Delivery log and `since` sweeps run. */
  readonly sweeps: boolean;
}

interface Running {
  readonly life: Life;
  readonly group: GroupCommit;
  readonly store: Pick<Store, "enqueue">;
  readonly stack: AsyncDisposableStack;
  readonly links: readonly ModelLink[];
}

/** Small, so that files are left and removed all the time. */
const ARRIVALS_BYTES_MAX = 64 * 1024;

const SECRET = "00".repeat(32);

export class SimPlane {
  readonly transcripts: MemoryTranscripts = openMemoryTranscripts();
  readonly arrivals: MemorySegments = openMemorySegments(() => this.diskFull);
  readonly #options: PlaneOptions;
  readonly #sleep: Sleep;
  #sqlite: Database.Database;
  #db: Db | null = null;
  #running: Running | null = null;
  /** Those that have not noticed yet that they are not the only one. */
  readonly #others = new Set<Running>();
  #restoredAt: number | null = null;
  #lives = 0;
  /** Of generations only: the installation and its secret are given. */
  readonly #chance = {
    uuid: () => `generation-${this.#lives}`,
    bytes: (count: number) => new Uint8Array(count),
  };
  /** Our machine's clock minus GitHub's, ms. */
  skewMs = 0;
  diskFull = false;
  /** The newest life that has taken the database over. */
  #owner = 0;
  /** What older ones wrote after that. */
  readonly lateWrites: string[] = [];
  /** Deliveries answered with 202. */
  readonly accepted = new Set<string>();

  constructor(options: PlaneOptions) {
    this.#options = options;
    this.#sleep = openSleep(options.sim.time);
    this.#sqlite = new Database(":memory:");
  }

  get secret(): Uint8Array {
    return Buffer.from(SECRET, "hex");
  }
  get running(): boolean {
    return this.#running !== null;
  }
  get lives(): number {
    return this.#lives;
  }
  get sqlite(): Database.Database {
    return this.#sqlite;
  }
  get db(): Db | null {
    return this.#db;
  }

  /** Begins a life; nothing happens when there is one. On a full disk it ends at once. */
  async start(): Promise<void> {
    if (this.#running !== null) return;
    try {
      await this.#begin();
    } catch (error) {
      if (!(error instanceof StoreUnavailable || error instanceof Fenced)) throw error;
      this.kill(error.message);
    }
  }

  async #begin(): Promise<void> {
    const { sim, killer, machines, config, app, slots } = this.#options;
    this.#lives += 1;
    sim.trace.add(`control plane starts, life ${this.#lives}`);
    const life = openLife(this.#lives, {
      killer,
      changes: () => this.#changes(),
      awake: () => this.#sleep.awake(),
    });
    const clock = this.#clock(life);
    const store = this.#storeOver(await this.#open(), clock, life);
    const stack = new AsyncDisposableStack();
    const running = { life, group: openGroupCommit(store), store, stack, links: [] as ModelLink[] };
    this.#running = running;
    store.onTrouble((trouble) => {
      if (trouble instanceof Fenced) this.#end(running, "another control plane has taken over");
    });
    const identity = await store.identity();
    this.#owner = life.number;
    for (const machine of machines)
      await store.putRunner({ name: machine.name, kind: "local", state: "online", slots });
    const { installation, epoch, generation } = identity;
    const hello = { installation, epoch, generation };
    const outbid = (seen: number): Promise<number | null> => store.outbid(seen);
    const links = new Map<string, Link>();
    for (const machine of machines) {
      const link = new ModelLink({
        sim,
        machine,
        hello,
        outbid,
        alive: () => life.alive,
        asleepMs: () => this.#sleep.leftMs(),
      });
      running.links.push(link);
      links.set(machine.name, throughLink(link, life));
    }
    const plane = await openPlane(
      {
        config,
        app,
        clock,
        log: pino({ enabled: false }),
        store,
        identity,
        transcripts: this.transcripts,
        links,
        unsafeNotice: null,
        elapsed: () => this.#sleep.elapsed(),
        boot: "machine",
        fetch: openNetwork({
          sim,
          life,
          serve: this.#options.serve,
          down: () => this.#options.github.down,
        }),
        quarantine: this.#options.quarantine,
      },
      stack,
    );
    if (this.#options.sweeps) plane.sweep();
  }

  #storeOver(db: Db, clock: Clock, life: Life): Store {
    const arriving = withArrivals({
      store: this.#fillable(storeOver(db, clock, this.#chance), life),
      segments: this.arrivals,
      clock,
      segmentBytesMax: ARRIVALS_BYTES_MAX,
    });
    return throughLife(arriving, life, {
      prefix: "store",
      direct: new Set(["onWork", "onTrouble", "close"]),
    });
  }

  /** `kill -9`. */
  kill(why: string): void {
    if (this.#running !== null) this.#end(this.#running, why);
    for (const other of this.#others) this.#end(other, why);
  }

  /** A second control plane on the same database, while the first one works on: a lock that did not hold. */
  async startAnother(): Promise<void> {
    if (this.#running === null) return;
    this.#others.add(this.#running);
    this.#running = null;
    await this.start();
  }

  #end(running: Running, why: string): void {
    if (!running.life.alive) return;
    this.#options.sim.trace.add(`control plane ${running.life.number} killed: ${why}`);
    running.life.end();
    for (const link of running.links) link.dispose();
    this.#others.delete(running);
    if (this.#running === running) this.#running = null;
  }

  /** SIGTERM. */
  async terminate(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    this.#options.sim.trace.add("control plane told to end");
    await running.stack.disposeAsync();
    this.kill("terminated");
  }

  /** Its machine sleeps: connections break, nothing runs, and timers go on where they were. */
  sleep(forMs: number): void {
    if (this.#running === null || this.#sleep.leftMs() > 0) return;
    this.#options.sim.trace.add(`its machine sleeps for ${Math.round(forMs / 60_000)} min`);
    for (const link of this.#running.links) link.cut();
    this.#sleep.begin(forMs);
  }

  /** A webhook comes in: the status it is answered with. */
  async receive(delivery: Omit<Delivery, "receivedAt">): Promise<number> {
    const running = this.#running;
    if (running === null || this.#sleep.leftMs() > 0) return 502;
    try {
      await running.group.accept({
        ...delivery,
        receivedAt: this.#options.sim.time.now() + this.skewMs,
      });
      this.accepted.add(delivery.guid);
      return 202;
    } catch (error) {
      if (error instanceof StoreUnavailable) return 503;
      throw error;
    }
  }

  /** What an operator asks for over the control socket; nobody hears it while nobody serves. */
  enter(items: readonly NewItem[]): void {
    if (this.#running === null || this.#sleep.leftMs() > 0) return;
    const now = this.#options.sim.time.now() + this.skewMs;
    void this.#running.store.enqueue(items, now).catch(() => undefined);
  }

  backup(): Buffer {
    return this.#sqlite.serialize();
  }

  /** The database of some time ago, on another machine: transcripts are not there. */
  restore(backup: Buffer): void {
    this.kill("its machine is gone");
    this.#sqlite = new Database(backup);
    this.#db = null;
    this.transcripts.clear();
    this.arrivals.clear();
    this.#restoredAt = this.#options.sim.time.now() + this.skewMs;
  }

  async #open(): Promise<Db> {
    if (this.#db !== null) return this.#db;
    const db = await databaseOver(this.#sqlite);
    for (const [key, value] of [
      ["installation", this.#options.installation],
      ["secret", SECRET],
    ] as const)
      this.#sqlite.prepare("insert or ignore into meta (key, value) values (?, ?)").run(key, value);
    const restoredAt = this.#restoredAt;
    if (restoredAt !== null) db.transaction(() => markRestored(db, restoredAt));
    this.#restoredAt = null;
    this.#db = db;
    return db;
  }

  #changes(): number {
    return changesOf(this.#sqlite) + this.arrivals.version;
  }

  #clock(life: Life): Clock {
    const { time } = this.#options.sim;
    return {
      now: () => time.now() + this.skewMs,
      after: (delayMs, callback) =>
        this.#sleep.after(delayMs, () => {
          if (life.alive) callback();
        }),
    };
  }

  /** Writes fail while the disk is full, and are noted when they are not its owner's. */
  #fillable<T extends object>(store: T, { number }: Life): T {
    return new Proxy(store, {
      get: (object, name, receiver) => {
        const value: unknown = Reflect.get(object, name, receiver);
        if (typeof value !== "function" || typeof name !== "string" || !WRITES.has(name))
          return value;
        return (...args: unknown[]): unknown => {
          if (this.diskFull)
            return Promise.reject(new StoreUnavailable("database or disk is full"));
          if (number >= this.#owner) return Reflect.apply(value, object, args) as unknown;
          const before = this.#changes();
          const result: unknown = Reflect.apply(value, object, args);
          if (this.#changes() !== before)
            this.lateWrites.push(`${name} by ${number} after ${this.#owner} took over`);
          return result;
        };
      },
    });
  }
}

const WRITES = new Set([
  "accept",
  "route",
  "routeArrived",
  "reject",
  "rejectArrived",
  "enqueue",
  "takeInbox",
  "commit",
  "postponeInbox",
  "buryInbox",
  "takeOutbox",
  "endEffect",
  "postponeEffect",
  "fireTimers",
  "claim",
  "advance",
  "keepConfig",
  "rebase",
  "prune",
  "setReach",
]);

/** Requests can be the control plane's last; what a runner tells the dead is heard by nobody. */
function throughLink(link: ModelLink, life: Life): Link {
  return throughLife<Link>(link, life, {
    prefix: "link",
    direct: new Set(["onState", "close", "detach", "attach", "connected"]),
  });
}
