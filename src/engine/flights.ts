/**
 * Work in the air, one piece per lane. Lanes do not wait for each other; a lane whose work could not be
 * recorded because the store is away rests a moment before it is tried again.
 */
import { StoreUnavailable } from "../inbox/port.ts";
import type { Clock, Log } from "./ports.ts";

/**
 * Who handles a row this long has not crashed on it, so it is no longer to blame should the process die. Longer than
 * our own part takes, shorter than most waiting for others.
 */
const HELD_MS = 5_000;

/** A full disk is not emptied by trying faster. */
const STORE_PAUSE_MS = 1_000;

export class Flights {
  readonly #ports: { readonly clock: Clock; readonly log: Log };
  readonly #flying = new Map<string, Promise<void>>();
  readonly #listeners = new Set<() => void>();

  constructor(ports: { readonly clock: Clock; readonly log: Log }) {
    this.#ports = ports;
  }

  /** Lanes that are being worked on. */
  get lanes(): ReadonlySet<string> {
    return new Set(this.#flying.keys());
  }

  /**
   * `work` records what became of it itself; what it throws is about the store. `letGo` tells the store that the row
   * is not what a crash would be blamed on.
   */
  start(lane: string, work: () => Promise<void>, letGo: () => Promise<void>): void {
    const cancel = this.#ports.clock.after(HELD_MS, () => void this.#letGo(lane, letGo));
    this.#flying.set(
      lane,
      this.#fly(lane, work, letGo).finally(() => {
        cancel();
      }),
    );
  }

  /** Calls back when a lane is free again; the returned function unsubscribes. */
  onLanded(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when nothing is in the air. */
  async idle(): Promise<void> {
    while (this.#flying.size > 0) await Promise.all(this.#flying.values());
  }

  async #fly(lane: string, work: () => Promise<void>, letGo: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const message = error instanceof Error ? error.message : "unknown failure";
      this.#ports.log.error({ lane, error: message }, "nothing recorded, the lane is tried again");
      await this.#letGo(lane, letGo);
      if (error instanceof StoreUnavailable) await this.#pause();
    }
    this.#flying.delete(lane);
    for (const listener of this.#listeners) listener();
  }

  /** What cannot be written now (the store is away) is forgotten: the row is blamed once too often at most. */
  async #letGo(lane: string, letGo: () => Promise<void>): Promise<void> {
    try {
      await letGo();
    } catch (error) {
      const message = error instanceof Error ? error.message : "unknown failure";
      this.#ports.log.debug({ lane, error: message }, "not written that it is handled");
    }
  }

  #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ports.clock.after(STORE_PAUSE_MS, resolve);
    return promise;
  }
}
