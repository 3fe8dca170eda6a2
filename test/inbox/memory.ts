/** A delivery inbox in memory that can be held back or made to fail. */
import type { Delivery, DeliveryInbox, RoutedEvent } from "../../src/inbox/port.ts";

export interface MemoryInbox extends DeliveryInbox {
  readonly stored: Delivery[];
  /** How many deliveries came in each transaction. */
  readonly groups: number[];
  readonly routed: Map<string, readonly RoutedEvent[]>;
  readonly rejected: Map<string, string>;
  /** Set: every transaction waits for it; it may throw. */
  gate: (() => Promise<void>) | null;
}

export function memoryInbox(): MemoryInbox {
  const inbox: MemoryInbox = {
    stored: [],
    groups: [],
    routed: new Map(),
    rejected: new Map(),
    gate: null,
    async accept(deliveries) {
      inbox.groups.push(deliveries.length);
      await inbox.gate?.();
      for (const delivery of deliveries)
        if (!inbox.stored.some(({ guid }) => guid === delivery.guid)) inbox.stored.push(delivery);
    },
    unrouted: async (limit) =>
      inbox.stored
        .filter(({ guid }) => !inbox.routed.has(guid) && !inbox.rejected.has(guid))
        .slice(0, limit),
    async route(guid, events) {
      await inbox.gate?.();
      inbox.routed.set(guid, events);
    },
    async reject(guid, reason) {
      inbox.rejected.set(guid, reason);
    },
  };
  return inbox;
}
