/**
 * Group commit: what arrives while a transaction is on its way to disk goes into the next one together.
 * A failed transaction fails exactly those that were in it.
 */
import type { Delivery, DeliveryInbox } from "./port.ts";

export interface GroupCommit {
  /** Resolves when the delivery is on disk. */
  accept(delivery: Delivery): Promise<void>;
  /** Resolves when nothing is waiting or being written. */
  idle(): Promise<void>;
}

interface Waiting {
  readonly delivery: Delivery;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** `gather` lets those that have arrived already join before a group is written; default: nobody is waited for. */
export function openGroupCommit(
  inbox: DeliveryInbox,
  groupMax = 200,
  gather: (() => Promise<void>) | null = null,
): GroupCommit {
  const waiting: Waiting[] = [];
  let writer: Promise<void> | null = null;

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      if (gather !== null) await gather();
      const group = waiting.splice(0, groupMax);
      try {
        await inbox.accept(group.map(({ delivery }) => delivery));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    writer = null;
  };

  return {
    accept(delivery) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting.push({ delivery, resolve, reject });
      writer ??= writeAll();
      return promise;
    },
    async idle() {
      await writer;
    },
  };
}
