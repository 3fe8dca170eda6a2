/** Every secret value this process holds, for the redactors to read. Values only, in memory only. */
import type { Clock } from "../engine/ports.ts";

export interface SecretRegistry {
  /** Remembers a value: for good, or until some time after it stopped working. */
  add(value: string, expiresAt?: number): void;
  /** What must not be stored or posted. */
  values(): readonly string[];
}

/** Clocks differ and texts are on their way: a value is looked for a little longer than it works. */
const AFTERLIFE_MS = 10 * 60 * 1000;
/** Values with an end; the oldest go first. Values without one are few: configuration. */
const MINTED_MAX = 2_000;

export function openSecretRegistry(clock: Clock): SecretRegistry {
  const lasting = new Set<string>();
  const minted = new Map<string, number>();
  let listed: readonly string[] | null = null;
  let nextEnd = Infinity;

  const prune = (): void => {
    const now = clock.now();
    for (const [value, end] of minted)
      if (end <= now || minted.size > MINTED_MAX) minted.delete(value);
    nextEnd = Math.min(Infinity, ...minted.values());
    listed = null;
  };

  return {
    add(value, expiresAt) {
      if (value === "") return;
      if (expiresAt === undefined) lasting.add(value);
      else minted.set(value, expiresAt + AFTERLIFE_MS);
      prune();
    },
    values() {
      if (clock.now() >= nextEnd) prune();
      listed ??= [...lasting, ...minted.keys()];
      return listed;
    },
  };
}
