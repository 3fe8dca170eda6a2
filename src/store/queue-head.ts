/** How what a session asks of a runner stands in its row. */

/** Sorted, each once, with a comma after each: equal wishes are equal texts. */
export const wantOf = (labels: readonly string[]): string =>
  [...new Set(labels)]
    .toSorted()
    .map((label) => `${label},`)
    .join("");

export const labelsOf = (want: string): readonly string[] =>
  want === "" ? [] : want.slice(0, -1).split(",");
