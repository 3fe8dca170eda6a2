/** What the ingest side needs of the store. Implemented by src/store. */
import type { GitHubEvent } from "../domain/event.ts";
import type { Repository } from "../domain/repository.ts";

/** One webhook as it came in: the raw bytes are kept until it was routed. */
export interface Delivery {
  /** `X-GitHub-Delivery`: the same on a redelivery. */
  readonly guid: string;
  /** `X-GitHub-Event`. */
  readonly name: string;
  /** The raw body, as text: exactly the bytes that were signed. */
  readonly body: string;
  readonly receivedAt: number;
}

/** A domain event and whom it is about. */
export interface RoutedEvent {
  /**
   * What is unique on GitHub about it, so that a webhook and a sweep enter it once. Missing: it only means "look now",
   * and the delivery and its position are its key.
   */
  readonly key?: string;
  readonly repository: Repository;
  readonly subject:
    | { readonly kind: "issue"; readonly number: number }
    | { readonly kind: "pull-request"; readonly number: number }
    /** Every live objective of the repository. */
    | { readonly kind: "repository" };
  readonly event: GitHubEvent;
}

/** The store cannot be written now (disk full, locked, gone). What was to be written is to be tried again, never given up. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

export interface DeliveryInbox {
  /** Stores deliveries in one transaction, on disk when it resolves; a guid seen before changes nothing. */
  accept(deliveries: readonly Delivery[]): Promise<void>;
  /** Deliveries that were accepted and not routed yet, oldest first. */
  unrouted(limit: number): Promise<readonly Delivery[]>;
  /** Turns a delivery into inbox items (unique by guid and position) and marks it routed, in one transaction. */
  route(guid: string, events: readonly RoutedEvent[]): Promise<void>;
  /** A delivery that cannot be routed: kept for people to look at, never tried again. */
  reject(guid: string, reason: string): Promise<void>;
}
