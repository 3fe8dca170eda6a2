/** The difference of two texts as hunks of a unified diff with three lines of context. */

const contextLines = 3;
/** Above this many comparisons the changed middle counts as replaced as a whole. */
const comparisonsMax = 1_000_000;

interface Edit {
  readonly sign: " " | "-" | "+";
  readonly text: string;
}

export interface TextChange {
  readonly additions: number;
  readonly deletions: number;
  /** From the first `@@` on; undefined when both texts are equal. */
  readonly patch: string | undefined;
}

export function diffTexts(before: string, after: string): TextChange {
  const edits = compare(linesOf(before), linesOf(after));
  const count = (sign: Edit["sign"]): number => edits.filter((entry) => entry.sign === sign).length;
  const hunks = hunksOf(edits);
  const patch = hunks.length === 0 ? undefined : hunks.join("\n");
  return { additions: count("+"), deletions: count("-"), patch };
}

/** Lines with their end; the last one may lack it. */
function linesOf(text: string): string[] {
  return text === "" ? [] : text.split(/(?<=\n)/u);
}

function compare(before: readonly string[], after: readonly string[]): Edit[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start])
    start += 1;
  let end = 0;
  const endMax = Math.min(before.length, after.length) - start;
  while (end < endMax && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  return [
    ...before.slice(0, start).map(edit(" ")),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map(edit(" ")),
  ];
}

/** By the longest common subsequence. */
function middle(before: readonly string[], after: readonly string[]): Edit[] {
  if (before.length * after.length > comparisonsMax)
    return [...before.map(edit("-")), ...after.map(edit("+"))];
  const lengths = commonLengths(before, after);
  const width = after.length + 1;
  const edits: Edit[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old = "", fresh = ""] = [before[i], after[j]];
    if (i < before.length && j < after.length && old === fresh) {
      edits.push({ sign: " ", text: old });
      i += 1;
      j += 1;
    } else if (
      i < before.length &&
      (j === after.length ||
        (lengths[(i + 1) * width + j] ?? 0) >= (lengths[i * width + j + 1] ?? 0))
    ) {
      edits.push({ sign: "-", text: old });
      i += 1;
    } else {
      edits.push({ sign: "+", text: fresh });
      j += 1;
    }
  }
  return edits;
}

/** How long the common subsequence of the rest is, from every pair of places. */
function commonLengths(before: readonly string[], after: readonly string[]): Uint32Array {
  const width = after.length + 1;
  const lengths = new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] =
        before[i] === after[j]
          ? 1 + (lengths[(i + 1) * width + j + 1] ?? 0)
          : Math.max(lengths[(i + 1) * width + j] ?? 0, lengths[i * width + j + 1] ?? 0);
    }
  }
  return lengths;
}

function hunksOf(edits: readonly Edit[]): string[] {
  const hunks: string[] = [];
  let [oldLine, newLine] = [1, 1];
  let at = 0;
  while (at < edits.length) {
    const first = edits.findIndex((entry, index) => index >= at && entry.sign !== " ");
    if (first === -1) break;
    const from = Math.max(at, first - contextLines);
    oldLine += from - at;
    newLine += from - at;
    const to = endOfHunk(edits, first);
    const inside = edits.slice(from, to);
    const [olds, news] = [sizeOf(inside, "+"), sizeOf(inside, "-")];
    const head = `@@ -${span(oldLine, olds)} +${span(newLine, news)} @@`;
    hunks.push([head, ...inside.map(lineOf)].join("\n"));
    oldLine += olds;
    newLine += news;
    at = to;
  }
  return hunks;
}

/** Changes closer than two contexts share a hunk. */
function endOfHunk(edits: readonly Edit[], first: number): number {
  let last = first;
  for (let index = first; index < edits.length && index - last <= 2 * contextLines; index += 1) {
    if (edits[index]?.sign !== " ") last = index;
  }
  return Math.min(edits.length, last + 1 + contextLines);
}

/** Lines of one side: those that are not only on the other. */
function sizeOf(edits: readonly Edit[], other: "+" | "-"): number {
  return edits.filter(({ sign }) => sign !== other).length;
}

function span(line: number, size: number): string {
  const start = size === 0 ? line - 1 : line;
  return size === 1 ? String(start) : `${start},${size}`;
}

function lineOf({ sign, text }: Edit): string {
  return text.endsWith("\n")
    ? sign + text.slice(0, -1)
    : `${sign}${text}\n\\ No newline at end of file`;
}

function edit(sign: Edit["sign"]): (text: string) => Edit {
  return (text) => ({ sign, text });
}
