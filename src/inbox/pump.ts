/**
 * Hands stored deliveries to Probot, oldest first, one after the other: order within a repository is kept
 * as GitHub sent it. A delivery that cannot be routed is set aside and does not hold up the others.
 */
import { StoreUnavailable, type Delivery, type DeliveryInbox } from "./port.ts";

export interface PumpOptions {
  readonly inbox: DeliveryInbox;
  /** Parses and routes one delivery (Probot's `receive`). Throwing means: it never will. */
  readonly receive: (delivery: {
    readonly id: string;
    readonly name: string;
    readonly payload: object;
  }) => Promise<void>;
  readonly onRejected?: (delivery: Delivery, reason: string) => void;
  readonly batch?: number;
}

export interface Pump {
  /** Routes what is there now; resolves with how many deliveries were handled. A second call waits for the first. */
  drain(): Promise<number>;
}

export function openPump(options: PumpOptions): Pump {
  const batch = options.batch ?? 50;
  let running: Promise<number> = Promise.resolve(0);

  const drainOnce = async (): Promise<number> => {
    let handled = 0;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const deliveries = await options.inbox.unrouted(batch);
      for (const delivery of deliveries) await routeOne(options, delivery);
      handled += deliveries.length;
      if (deliveries.length < batch) break;
    }
    return handled;
  };

  return {
    drain() {
      running = running.catch(() => 0).then(drainOnce); // a failed drain was reported to its own caller
      return running;
    },
  };
}

/** So that one call ends even when deliveries come in as fast as they are routed. */
const ROUNDS_MAX = 1_000;

/** While the store is away nothing is given up: the caller tries again later. */
async function routeOne(options: PumpOptions, delivery: Delivery): Promise<void> {
  const failure = await attempted(options, delivery);
  if (failure === null) return;
  if (isStoreFailure(failure.cause)) throw failure.cause;
  const reason = reasonOf(failure.cause);
  await options.inbox.reject(delivery.guid, reason);
  options.onRejected?.(delivery, reason);
}

async function attempted(
  options: PumpOptions,
  { guid, name, body }: Delivery,
): Promise<{ readonly cause: unknown } | null> {
  try {
    const payload: unknown = JSON.parse(body);
    if (typeof payload !== "object" || payload === null)
      throw new TypeError("the body is not a JSON object");
    await options.receive({ id: guid, name, payload });
    return null;
  } catch (cause) {
    return { cause };
  }
}

/** Probot wraps what its handlers throw in an AggregateError. */
const isStoreFailure = (error: unknown): boolean =>
  error instanceof StoreUnavailable ||
  (error instanceof AggregateError && error.errors.some((inner) => isStoreFailure(inner)));

const reasonOf = (error: unknown): string =>
  (error instanceof AggregateError
    ? error.errors.map((inner) => String(inner)).join("; ")
    : String(error)
  ).slice(0, 2_000);
