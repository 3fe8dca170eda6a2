/**
 * Comments of our App that another installation of it made, or this one before its data directory was lost. They are
 * never taken for ours; people are told, because two installations of one App answer the same issues.
 */
import type { Repository } from "../domain/repository.ts";

export interface ForeignMarks {
  /** Said once per repository and process, kept once per comment. */
  saw(repository: Repository, url: string): void;
  /** Those first seen in the last week, by all processes on this data; null = none. */
  recent(): RecentForeign | null;
}

export interface RecentForeign {
  readonly count: number;
  /** URL of the one seen last. */
  readonly newest: string;
}

export interface ForeignOptions {
  readonly store: {
    put(key: string, value: string): Promise<void>;
    all(): Promise<ReadonlyMap<string, string>>;
    forget(key: string): Promise<void>;
  };
  readonly now: () => number;
  readonly onFirst: (repository: Repository, url: string) => void;
  readonly onFailed: (error: unknown) => void;
}

/** Where in the store they are kept. */
export const FOREIGN_MARKS = "foreign:";

/** Comments kept; more of them say nothing new. */
const KEPT_MAX = 100;
/** Old ones stand for ever where they are: after a week they are no news. */
const WEEK_MS = 7 * 24 * 60 * 60_000;

/** Goes on with what was kept by an earlier process, and forgets what is old. */
export function openForeign({ store, now, onFirst, onFailed }: ForeignOptions): ForeignMarks {
  const repositories = new Set<number>();
  const seen = new Map<string, string>();
  const resume = async (): Promise<void> => {
    const kept = await store.all();
    for (const [url, at] of kept) {
      seen.set(url, at);
      if (isOld(at, now())) await store.forget(url);
    }
  };
  resume().catch(onFailed);
  return {
    saw(repository, url) {
      if (!repositories.has(repository.id)) {
        repositories.add(repository.id);
        onFirst(repository, url);
      }
      if (seen.has(url) || seen.size >= KEPT_MAX) return;
      const at = new Date(now()).toISOString();
      seen.set(url, at);
      store.put(url, at).catch(onFailed);
    },
    recent: () => recentOf(seen, now()),
  };
}

/** `marks`: comments by URL, with the ISO time at which each was first seen. */
export function recentOf(marks: ReadonlyMap<string, string>, now: number): RecentForeign | null {
  const recent = [...marks].filter(([, at]) => !isOld(at, now));
  const [newest] = recent.toSorted(([, a], [, b]) => b.localeCompare(a));
  return newest === undefined ? null : { count: recent.length, newest: newest[0] };
}

const isOld = (at: string, now: number): boolean => !(now - Date.parse(at) < WEEK_MS);
