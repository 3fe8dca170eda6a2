/** Seeded chance for the simulation: the same seed gives the same draws, on every machine. Not for secrets. */

export interface Random {
  /** 0 ≤ x < 1. */
  readonly next: () => number;
  /** A whole number, both ends included. */
  int(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly [T, ...T[]]): T;
  bytes(count: number): Uint8Array;
  /** A stream of its own: what one part draws does not change what another one gets. */
  fork(name: string): Random;
}

/** A list as one to pick from; null = it is empty. */
export const listed = <T>(list: readonly T[]): readonly [T, ...T[]] | null => {
  const [first, ...rest] = list;
  return first === undefined ? null : [first, ...rest];
};

/** sfc32 (Chris Doty-Humphrey, PractRand): four words of state, passes BigCrush. */
export function openRandom(seed: string): Random {
  let [a, b, c, d] = wordsOf(seed);
  const word = (): number => {
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let round = 0; round < WARM_UP; round += 1) word();
  const next = (): number => word() / 2 ** 32;
  return {
    next,
    int: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (probability) => next() < probability,
    pick: (from) => from[Math.floor(next() * from.length)] ?? from[0],
    bytes: (count) => Uint8Array.from({ length: count }, () => word() & 255),
    fork: (name) => openRandom(`${seed}/${name}`),
  };
}

const WARM_UP = 15;

/** FNV-1a, four times with different beginnings. */
function wordsOf(text: string): [number, number, number, number] {
  const hash = (start: number): number => {
    let value = start;
    for (const character of text)
      value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 16_777_619);
    return value | 0;
  };
  return [hash(2_166_136_261), hash(40_389), hash(1_013_904_223), 1];
}
