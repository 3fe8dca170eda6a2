/**
 * Comments of our App that another installation of it made, or this one before its data directory was lost. They are
 * never taken for ours; people are told, because two installations of one App answer the same issues.
 */
import type { Repository } from "../domain/repository.ts";

export interface ForeignMarks {
  /** Said once per repository and process, kept once per comment. */
  saw(repository: Repository, url: string): void;
  /** Comments seen so far, by all processes on this data. */
  list(): Promise<readonly string[]>;
}

export interface ForeignOptions {
  readonly store: {
    put(key: string, value: string): Promise<void>;
    all(): Promise<ReadonlyMap<string, string>>;
  };
  readonly now: () => number;
  readonly onFirst: (repository: Repository, url: string) => void;
  readonly onFailed: (error: unknown) => void;
}

/** Comments kept; more of them say nothing new. */
const KEPT_MAX = 100;

export function openForeign({ store, now, onFirst, onFailed }: ForeignOptions): ForeignMarks {
  const repositories = new Set<number>();
  const urls = new Set<string>();
  return {
    saw(repository, url) {
      if (!repositories.has(repository.id)) {
        repositories.add(repository.id);
        onFirst(repository, url);
      }
      if (urls.has(url) || urls.size >= KEPT_MAX) return;
      urls.add(url);
      store.put(url, new Date(now()).toISOString()).catch(onFailed);
    },
    async list() {
      return [...(await store.all()).keys()];
    },
  };
}
