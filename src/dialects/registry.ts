/** The dialects by name. */
import type { Dialect } from "./dialect.ts";

const dialects: Readonly<Record<string, Dialect>> = {};

export const dialectNamed = (name: string): Dialect | undefined =>
  Object.hasOwn(dialects, name) ? dialects[name] : undefined;
