/**
 * Lists that lag behind writes, as on github.com: for a while after something was made, lists leave it out, while
 * asking for it by its number or id finds it. Off unless asked for.
 */

export interface Lag {
  /** Draws how long lists leave this new thing out. */
  begin(thing: object): void;
  /** Those that lists show now. */
  listed<T extends object>(things: readonly T[]): readonly T[];
}

/** `draw`: ms until lists show a new thing; undefined or 0: at once. */
export function openLag(draw: (() => number) | undefined, nowMs: () => number): Lag {
  if (draw === undefined) return { begin() {}, listed: (things) => things };
  const visibleAtMs = new WeakMap<object, number>();
  return {
    begin(thing) {
      const lagMs = draw();
      if (lagMs > 0) visibleAtMs.set(thing, nowMs() + lagMs);
    },
    listed: (things) => things.filter((thing) => (visibleAtMs.get(thing) ?? 0) <= nowMs()),
  };
}
