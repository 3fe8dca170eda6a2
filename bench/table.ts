/** One row per figure, beside what it is held against and the aim. Prints; knows nothing of how it was measured. */

export interface Figure {
  readonly what: string;
  readonly ours: string;
  /** The peer or the physical limit, measured in the same run. */
  readonly against: string;
  /** Ours to theirs, as the median of the rounds; null = nothing to divide by. */
  readonly ratio: number | null;
  /** How far the rounds lay apart. */
  readonly spread: string;
  readonly aim: Aim | null;
}

/** `least`, `most`: of the ratio. `limit`: of our own value, already compared. */
export type Aim =
  | { readonly least: number }
  | { readonly most: number }
  | { readonly limit: string; readonly held: boolean };

const HEADINGS = ["figure", "ours", "against", "ratio", "spread", "aim", ""];

/** A Markdown table whose columns line up. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.what,
    figure.ours,
    figure.against,
    figure.ratio === null ? "" : figure.ratio.toFixed(2),
    figure.spread,
    aimText(figure.aim),
    verdict(figure),
  ]);
  const widths = HEADINGS.map((heading, column) =>
    Math.max(...[HEADINGS, ...rows].map((row) => (row[column] ?? heading).length), 3),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(HEADINGS), line(rule), ...rows.map(line)].join("\n");
}

function aimText(aim: Aim | null): string {
  if (aim === null) return "";
  if ("limit" in aim) return aim.limit;
  return "least" in aim ? `≥ ${aim.least}` : `≤ ${aim.most}`;
}

function verdict({ aim, ratio }: Figure): string {
  if (aim === null) return "";
  return isHeld(aim, ratio) ? "held" : "missed";
}

function isHeld(aim: Aim, ratio: number | null): boolean {
  if ("limit" in aim) return aim.held;
  if (ratio === null) return false;
  return "least" in aim ? ratio >= aim.least : ratio <= aim.most;
}
