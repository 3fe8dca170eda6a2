/** Pages of GraphQL lists. Like GitHub, refuses a list without `first` or `last` and more than 100 at once. */
import { Problem } from "../problem.ts";

const recordsMax = 100;

export interface ConnectionArgs {
  readonly first?: number | null;
  readonly last?: number | null;
  readonly after?: string | null;
  readonly before?: string | null;
}

export function connection<T>(
  name: string,
  items: readonly T[],
  args: ConnectionArgs,
  shape: (item: T) => unknown,
): Record<string, unknown> {
  const { first, last } = args;
  const wanted = first ?? last;
  if (wanted === undefined || wanted === null) {
    const must = "You must provide a `first` or `last` value to properly paginate";
    throw new Problem(422, `${must} the \`${name}\` connection.`);
  }
  if (wanted > recordsMax || wanted < 0) {
    const limit = `exceeds the \`first\` limit of ${recordsMax} records`;
    throw new Problem(422, `Requesting ${wanted} records on the \`${name}\` connection ${limit}.`);
  }
  const start = indexOf(args.after, 0);
  const end = Math.min(indexOf(args.before, items.length + 1) - 1, items.length);
  const from = first === undefined || first === null ? Math.max(start, end - wanted) : start;
  const to = first === undefined || first === null ? end : Math.min(end, start + wanted);
  const shown = items.slice(from, to);
  return {
    totalCount: items.length,
    nodes: shown.map(shape),
    pageInfo: {
      hasNextPage: to < items.length,
      hasPreviousPage: from > 0,
      startCursor: shown.length === 0 ? null : cursorOf(from + 1),
      endCursor: shown.length === 0 ? null : cursorOf(to),
    },
  };
}

/** The position of an item, counted from one, as an opaque text. */
function cursorOf(position: number): string {
  return Buffer.from(`cursor:v2:${position}`).toString("base64");
}

function indexOf(cursor: string | null | undefined, fallback: number): number {
  if (cursor === null || cursor === undefined) return fallback;
  const plain = Buffer.from(cursor, "base64").toString("utf8");
  const position = /^cursor:v2:(\d{1,9})$/u.exec(plain)?.[1];
  if (position === undefined)
    throw new Problem(422, `\`${cursor}\` does not appear to be a valid cursor.`);
  return Number(position);
}
