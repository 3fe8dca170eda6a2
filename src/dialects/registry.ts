/** The dialects by name. */
import { acp, acpIgnoringEnd } from "./acp.ts";
import { claude } from "./claude.ts";
import type { Dialect } from "./dialect.ts";

const dialects: Readonly<Record<string, Dialect>> = {
  [acp.name]: acp,
  [acpIgnoringEnd.name]: acpIgnoringEnd,
  [claude.name]: claude,
};

export const dialectNamed = (name: string): Dialect | undefined =>
  Object.hasOwn(dialects, name) ? dialects[name] : undefined;
