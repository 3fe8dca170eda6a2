/**
 * One life of the control plane, from its start to its end by kill. What a dead one was waiting for never comes, so
 * none of its code runs on: as after `kill -9`. Every call through a port is a place where it can be killed, before
 * and after it was done.
 */

export type Phase = "before" | "after";

/** Where the control plane may be killed. */
export interface Killer {
  /** True = it is dead now. `changed`: what was done left something in the store; asked for by those that want to know. */
  at(point: string, phase: Phase, changed: () => boolean): boolean;
}

export interface Life {
  readonly number: number;
  readonly alive: boolean;
  /** Does `work` through a port: never resolves when the life ended before or meanwhile. */
  through<T>(point: string, work: () => Promise<T>): Promise<T>;
  end(): void;
}

export interface LifeOptions {
  readonly killer: Killer;
  /** How many changes the store has seen. */
  readonly changes: () => number;
  /** Resolves when the machine wakes; null = it does not sleep. */
  readonly awake: () => Promise<void> | null;
}

export function openLife(number: number, { killer, changes, awake }: LifeOptions): Life {
  let alive = true;
  return {
    number,
    get alive() {
      return alive;
    },
    async through(point, work) {
      if (!alive || killer.at(point, "before", unchanged)) return never();
      const before = changes();
      try {
        const result = await work();
        const sleep = awake();
        if (sleep !== null) await sleep;
        if (!alive || killer.at(point, "after", () => changes() !== before)) return await never();
        return result;
      } catch (error) {
        if (!alive) return never();
        throw error;
      }
    },
    end() {
      alive = false;
    },
  };
}

const unchanged = (): boolean => false;

const never = (): Promise<never> => new Promise(() => {});

/** Every method goes through the life, but those that only listen or close. */
export function throughLife<T extends object>(
  target: T,
  life: Life,
  options: { readonly prefix: string; readonly direct: ReadonlySet<string> },
): T {
  const made = new Map<PropertyKey, unknown>();
  return new Proxy(target, {
    get(object, name) {
      // The object itself as receiver: its getters read private fields.
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== "function" || typeof name !== "string") return value;
      const known = made.get(name);
      if (known !== undefined) return known;
      if (options.direct.has(name)) {
        const bound: unknown = value.bind(object);
        made.set(name, bound);
        return bound;
      }
      const guarded = (...args: unknown[]): Promise<unknown> =>
        life.through(
          `${options.prefix}.${name}`,
          async () => Reflect.apply(value, object, args) as unknown,
        );
      made.set(name, guarded);
      return guarded;
    },
  });
}
