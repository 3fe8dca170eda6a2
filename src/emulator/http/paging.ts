/** Pages of lists: `per_page` (at most 100), `page`, and the `Link` header. */
import type { Answer, Context } from "./request.ts";

const perPageDefault = 30;
const perPageMax = 100;

/** One page of `items`, each shaped only when it is on the page. `wrap` makes the body around the list. */
export function page<T>(
  context: Context,
  items: readonly T[],
  shape: (item: T) => unknown,
  wrap: (shaped: unknown[]) => unknown = (shaped) => shaped,
): Answer {
  const size = numberOf(context, "per_page", perPageDefault, perPageMax);
  const current = numberOf(context, "page", 1, 1_000_000);
  const last = Math.max(1, Math.ceil(items.length / size));
  const shown = items.slice((current - 1) * size, current * size).map(shape);
  const links: string[] = [];
  const add = (rel: string, to: number): void => {
    const query = new URLSearchParams(context.query);
    query.set("page", String(to));
    links.push(`<${context.hub.url}${context.path}?${query.toString()}>; rel="${rel}"`);
  };
  if (current > 1) add("prev", Math.min(current - 1, last));
  if (current < last) {
    add("next", current + 1);
    add("last", last);
  }
  if (current > 1) add("first", 1);
  const headers = links.length === 0 ? {} : { link: links.join(", ") };
  return { status: 200, body: wrap(shown), headers };
}

export function perPage(context: Context): number {
  return numberOf(context, "per_page", perPageDefault, perPageMax);
}

/** Items changed at or after the `since` of the query. */
export function since<T>(
  context: Context,
  items: readonly T[],
  changedAt: (item: T) => number,
): T[] {
  const from = Date.parse(context.query.get("since") ?? "");
  if (Number.isNaN(from)) return [...items];
  return items.filter((item) => Math.floor(changedAt(item) / 1000) * 1000 >= from);
}

function numberOf(context: Context, name: string, fallback: number, max: number): number {
  const value = Number(context.query.get(name) ?? fallback);
  if (!Number.isInteger(value) || value < 1) return fallback;
  return Math.min(value, max);
}
