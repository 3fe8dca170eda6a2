/** What the ingest side needs of the store. Implemented by src/store. */
import type { GitHubEvent } from "../domain/event.ts";
import type { PullRequest } from "../domain/objective.ts";
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

/** How full the store's queues are. `high`: what can wait waits. `full`: nothing new is taken. */
export type Pressure = () => "ok" | "high" | "full";

/** Something found by looking: the same event, under the same key, as a webhook would have brought. */
export interface Finding {
  readonly key: string;
  readonly repository: Repository;
  readonly subject: Exclude<RoutedEvent["subject"], { kind: "repository" }>;
  readonly event: GitHubEvent;
}

/** What a live objective has on GitHub, as we know it. */
export interface Watched {
  /** Grows with every change of the objective. */
  readonly rev: number;
  readonly repository: Repository;
  readonly issue: number;
  readonly pulls: readonly { readonly number: number; readonly state: PullRequest["state"] }[];
}

/** The newest revision of an issue. */
export interface LatestRevision {
  readonly live: boolean;
  /** GitHub's time of the label that started it, in ms. */
  readonly labelledAt: number;
}

/** Small texts that have to survive: where a sweep stopped, doubles that are still to be looked for. */
export interface Marks {
  mark(key: string): Promise<string | null>;
  /** Those whose key begins with `prefix`, by key. */
  marks(prefix: string): Promise<ReadonlyMap<string, string>>;
  /** On disk when it resolves; null forgets it. */
  setMark(key: string, value: string | null): Promise<void>;
}

/** What sweeps need of the store. */
export interface SweepStore extends Marks {
  /** Of these keys those that entered before, handled or not. */
  entered(keys: readonly string[]): Promise<ReadonlySet<string>>;
  /** Of these deliveries those that we have. */
  accepted(guids: readonly string[]): Promise<ReadonlySet<string>>;
  /** A key that entered before changes nothing. */
  enqueue(findings: readonly Finding[], now: number): Promise<void>;
  /** As if they had been entered and handled: nobody else's word of them will enter. */
  settle(findings: readonly Finding[], now: number): Promise<void>;
  /** Live objectives of a repository by id; null = of all. */
  watched(repository: number | null): Promise<readonly Watched[]>;
  latest(repository: Repository, issue: number): Promise<LatestRevision | null>;
}
