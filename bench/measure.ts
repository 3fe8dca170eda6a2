/** Numbers from rounds: medians, percentiles, how far the rounds lay apart. Measures nothing itself. */

/** Full numbers, or small ones that only show that everything runs. */
export interface Scale {
  readonly quick: boolean;
}

export const pick = <T>({ quick }: Scale, full: T, small: T): T => (quick ? small : full);

/** 0 ≤ q ≤ 1, of values in any order. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Half of what lies between the quartiles of the rounds, in per cent of the median. */
export function spreadOf(values: readonly number[]): string {
  const half = (quantile(values, 0.75) - quantile(values, 0.25)) / 2;
  return `±${Math.round((100 * half) / median(values))} %`;
}

/** Every candidate once per round, in turn, so that a busy machine hits all alike. */
export async function interleaved<Name extends string>(
  rounds: number,
  candidates: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the record given
  const names = Object.keys(candidates) as Name[];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all of them follow
  const values = {} as Record<Name, number[]>;
  for (const name of names) values[name] = [];
  for (let round = 0; round < rounds; round++)
    for (const name of names) values[name].push(await candidates[name]());
  return values;
}

/** Ratios within each round: what both had to bear cancels out. */
export const ratios = (ours: readonly number[], theirs: readonly number[]): readonly number[] =>
  ours.map((value, round) => value / (theirs[round] ?? Number.NaN));

/** Ms that `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Three figures that mean something: `1,234`, `12.3`, `0.0123`. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
