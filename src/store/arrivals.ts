/**
 * Webhooks go to a file first, and into the database when they are routed: what they said and that they were there, in one
 * transaction, without their bodies. A sync of the file holds up nothing; a transaction with the bodies costs twice as
 * much (docs/decisions/0013).
 *
 *     accept ─▶ file, synced ─▶ answered        unrouted ─▶ route ─▶ database ─▶ the file goes when all of it was routed
 *                     └── after a crash: into the database, and from there as ever
 *
 * When the file cannot be written the database is tried, so that a full disk is noticed where it always was.
 */
import type { Delivery, RoutedEvent } from "../inbox/port.ts";
import { arrivalBytes, readArrivals } from "./arrival.ts";
import type { Store } from "./port.ts";
import type { Segment, Segments } from "./segments.ts";

/** A store that takes webhooks with what they said. */
export interface ArrivalStore extends Store {
  /** Throws `Fenced` when somebody else has taken over. */
  ours(): Promise<void>;
  /** `accept` and `route` in one transaction, without the body; of a GUID that was routed before nothing is entered. */
  routeArrived(delivery: Omit<Delivery, "body">, events: readonly RoutedEvent[]): Promise<void>;
  /** `accept` and `reject` in one transaction. */
  rejectArrived(delivery: Delivery, reason: string): Promise<void>;
}

export interface ArrivalsOptions {
  readonly store: ArrivalStore;
  readonly segments: Segments;
  readonly clock: { now(): number };
  /** A file that has grown to this is followed by another one. */
  readonly segmentBytesMax?: number;
  /** Bodies that wait are kept in memory up to here, beyond it they are read again. */
  readonly memoryBytesMax?: number;
}

const MIB = 1024 ** 2;
/** Deliveries of one transaction, after a crash. */
const MOVED_AT_ONCE = 200;

interface File {
  readonly name: string;
  readonly segment: Segment;
  size: number;
  /** Of its deliveries those that are not routed. */
  waiting: number;
  /** Nothing more is appended. */
  full: boolean;
}

interface Entry {
  readonly delivery: Omit<Delivery, "body">;
  readonly file: File;
  readonly at: number;
  readonly bytes: number;
  /** null = in the file only. */
  readonly body: string | null;
}

/** The same store, which answers for webhooks sooner. */
export function withArrivals(options: ArrivalsOptions): Store {
  const { store } = options;
  const arrivals = new Arrivals(options);
  const listeners = new Set<() => void>();
  const close = async (): Promise<void> => {
    await arrivals.close();
    await store.close();
  };
  return {
    ...store,
    async identity() {
      const identity = await store.identity();
      // From here on an older control plane answers for nothing more, so nothing comes after what is read.
      await arrivals.recover();
      return identity;
    },
    async accept(deliveries) {
      await arrivals.accept(deliveries);
      for (const listener of listeners) listener();
    },
    async unrouted(limit) {
      const left = await store.unrouted(limit);
      return left.length > 0 ? left : arrivals.next(limit);
    },
    route: (guid, events) => arrivals.route(guid, events),
    reject: (guid, reason) => arrivals.reject(guid, reason),
    async accepted(guids) {
      const known = await store.accepted(guids);
      return new Set([...known, ...guids.filter((guid) => arrivals.has(guid))]);
    },
    async stats() {
      const stats = await store.stats();
      return { ...stats, deliveries: { pending: arrivals.added(stats.deliveries.pending) } };
    },
    onWork(listener) {
      listeners.add(listener);
      const forget = store.onWork(listener);
      return () => {
        listeners.delete(listener);
        forget();
      };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

type Pending = Awaited<ReturnType<Store["stats"]>>["deliveries"]["pending"];

class Arrivals {
  readonly #options: Required<ArrivalsOptions>;
  /** By GUID, in the order in which they came. */
  readonly #waiting = new Map<string, Entry>();
  #current: File | null = null;
  #files = 0;
  #bytes = 0;
  #bytesInMemory = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: ArrivalsOptions) {
    this.#options = { segmentBytesMax: 64 * MIB, memoryBytesMax: 32 * MIB, ...options };
  }

  has(guid: string): boolean {
    return this.#waiting.has(guid);
  }

  added({ rows, oldest, bytes }: Pending): Pending {
    const [first] = this.#waiting.values();
    const ours = first?.delivery.receivedAt ?? null;
    return {
      rows: rows + this.#waiting.size,
      bytes: bytes + this.#bytes,
      oldest: oldest === null || ours === null ? (oldest ?? ours) : Math.min(oldest, ours),
    };
  }

  /** What an earlier life answered for and did not route goes into the database. */
  async recover(): Promise<void> {
    const { segments, store } = this.#options;
    for (const name of await segments.list()) {
      const deliveries = readArrivals(await segments.read(name));
      for (let from = 0; from < deliveries.length; from += MOVED_AT_ONCE)
        await store.accept(deliveries.slice(from, from + MOVED_AT_ONCE));
      await segments.remove(name);
    }
  }

  /** One write at a time: a position in the file is known before it is written. */
  accept(deliveries: readonly Delivery[]): Promise<void> {
    const written = this.#writing.then(() => this.#accept(deliveries));
    this.#writing = written.catch(() => {}); // its own caller hears of it
    return written;
  }

  async #accept(deliveries: readonly Delivery[]): Promise<void> {
    const { store } = this.#options;
    const news = [...new Map(deliveries.map((one) => [one.guid, one])).values()].filter(
      ({ guid }) => !this.#waiting.has(guid),
    );
    const records = news.flatMap((delivery) => {
      const bytes = arrivalBytes(delivery);
      return bytes === null ? [] : [{ delivery, bytes }];
    });
    // Of what cannot stand in the file nothing after it could be read.
    if (records.length !== news.length) return store.accept(news);
    if (records.length === 0) return;
    let file: File;
    try {
      file = await this.#open();
      await file.segment.append(records.flatMap(({ bytes }) => bytes));
    } catch {
      // Its end may be anything now. The database says what is wrong, or takes them.
      await this.#leave();
      await store.accept(news);
      return;
    }
    for (const { delivery, bytes } of records) this.#remember(file, delivery, bytes);
    // Synced first, then asked: who takes over from now on finds it in the file.
    await store.ours();
  }

  #remember(file: File, delivery: Delivery, [head, body]: readonly [Buffer, Buffer]): void {
    const { memoryBytesMax } = this.#options;
    const { guid, name, receivedAt } = delivery;
    const inMemory = this.#bytesInMemory + body.length <= memoryBytesMax;
    this.#waiting.set(guid, {
      delivery: { guid, name, receivedAt },
      file,
      at: file.size + head.length,
      bytes: body.length,
      body: inMemory ? delivery.body : null,
    });
    file.size += head.length + body.length;
    file.waiting += 1;
    this.#bytes += body.length;
    if (inMemory) this.#bytesInMemory += body.length;
  }

  async #open(): Promise<File> {
    const { segments, clock, segmentBytesMax } = this.#options;
    if (this.#current !== null && this.#current.size >= segmentBytesMax) await this.#leave();
    if (this.#current !== null) return this.#current;
    this.#files += 1;
    const name = `${Math.max(0, clock.now())}-${this.#files}.log`;
    const segment = await segments.create(name);
    this.#current = { name, segment, size: 0, waiting: 0, full: false };
    return this.#current;
  }

  async #leave(): Promise<void> {
    const file = this.#current;
    this.#current = null;
    if (file === null) return;
    file.full = true;
    if (file.waiting === 0) await this.#remove(file);
  }

  async #remove({ name, segment }: File): Promise<void> {
    try {
      await segment.close();
      await this.#options.segments.remove(name);
    } catch {
      // It stays, and is read at the next start: what was routed before is not routed again.
    }
  }

  /** The oldest that wait. They go on waiting until they are routed or rejected. */
  async next(limit: number): Promise<readonly Delivery[]> {
    const entries: Entry[] = [];
    for (const entry of this.#waiting.values()) {
      if (entries.length === limit) break;
      entries.push(entry);
    }
    return Promise.all(entries.map(wholeOf));
  }

  async route(guid: string, events: readonly RoutedEvent[]): Promise<void> {
    const { store } = this.#options;
    const entry = this.#waiting.get(guid);
    if (entry === undefined) return store.route(guid, events);
    await store.routeArrived(entry.delivery, events);
    await this.#ended(entry);
  }

  async reject(guid: string, reason: string): Promise<void> {
    const { store } = this.#options;
    const entry = this.#waiting.get(guid);
    if (entry === undefined) return store.reject(guid, reason);
    await store.rejectArrived(await wholeOf(entry), reason);
    await this.#ended(entry);
  }

  async #ended(entry: Entry): Promise<void> {
    const { file, bytes, body, delivery } = entry;
    if (!this.#waiting.delete(delivery.guid)) return;
    file.waiting -= 1;
    this.#bytes -= bytes;
    if (body !== null) this.#bytesInMemory -= bytes;
    if (file.full && file.waiting === 0) await this.#remove(file);
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#leave();
    // What waits stays in its file.
    for (const file of new Set([...this.#waiting.values()].map((entry) => entry.file)))
      await file.segment.close();
  }
}

async function wholeOf({ delivery, file, at, bytes, body }: Entry): Promise<Delivery> {
  if (body !== null) return { ...delivery, body };
  const read = await file.segment.read(at, bytes);
  return { ...delivery, body: Buffer.from(read).toString("utf8") };
}
