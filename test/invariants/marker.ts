/** Our markers as they stand on GitHub: read here with a parser of its own, so that it shares no mistake. */
import { createHash, createHmac } from "node:crypto";

export interface Marker {
  readonly name: string;
  readonly valid: boolean;
}

const MARKER = /<!-- orcha:v1 (?<name>[0-9a-f]{32}) (?<hmac>[0-9a-f]{32}) -->/u;

/** The marker in the last line of a text, null = there is none. */
export const markerIn = remembered((body: string, secret: Uint8Array): Marker | null => {
  const last = body.trimEnd().split("\n").at(-1) ?? "";
  const groups = MARKER.exec(last)?.groups;
  if (groups === undefined) return null;
  const name = groups["name"] ?? "";
  const hmac = createHmac("sha256", secret).update(`orcha:v1 ${name}`).digest("hex").slice(0, 32);
  return { name, valid: hmac === groups["hmac"] };
});

/** Anywhere in a text. */
export const hasAnyMarker = (body: string): boolean => MARKER.test(body);

/** Anywhere but in the last line. */
export const hasEarlierMarker = remembered((body: string): boolean =>
  hasAnyMarker(body.trimEnd().split("\n").slice(0, -1).join("\n")),
);

export const nameOfKey = remembered((key: string): string =>
  createHash("sha256").update(key).digest("hex").slice(0, 32),
);

/** Invariants look at the same texts after everything that happens. One secret per process of ours. */
function remembered<Rest extends unknown[], T>(
  work: (text: string, ...rest: Rest) => T,
): (text: string, ...rest: Rest) => T {
  const known = new Map<string, T>();
  return (text, ...rest) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const made = work(text, ...rest);
    if (known.size > REMEMBERED_MAX) known.clear();
    known.set(text, made);
    return made;
  };
}

const REMEMBERED_MAX = 20_000;
