/** The dialects by name. */
import { acp, gemini } from "./acp.ts";
import { claude } from "./claude.ts";
import { codex } from "./codex.ts";
import type { Dialect } from "./dialect.ts";

const dialects: Readonly<Record<string, Dialect>> = {
  [acp.name]: acp,
  [claude.name]: claude,
  [gemini.name]: gemini,
  [codex.name]: codex,
};

export const dialectNamed = (name: string): Dialect | undefined =>
  Object.hasOwn(dialects, name) ? dialects[name] : undefined;
