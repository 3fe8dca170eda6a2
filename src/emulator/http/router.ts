/** Finds the route of a path. Parameters that may hold slashes (paths, refs) are known by name. */
import type { Route } from "./request.ts";

const deep = new Set(["ref", "branch", "basehead", "name"]);

export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

export interface Router {
  /** The route, or the methods that this path does know. */
  find(method: string, path: string): Match | undefined;
  knows(path: string): boolean;
}

export function createRouter(routes: readonly Route[]): Router {
  const compiled = routes.map((entry) => ({ route: entry, pattern: compile(entry.path) }));
  return {
    find(method, path) {
      for (const { route, pattern } of compiled) {
        const found = route.method === method ? pattern.exec(path) : null;
        if (found !== null) return { route, params: decodeAll(found.groups ?? {}) };
      }
      return undefined;
    },
    knows: (path) => compiled.some(({ pattern }) => pattern.test(path)),
  };
}

function compile(path: string): RegExp {
  // The root folder is the one path that may be empty.
  const source = path
    .replace("/{path}", "(?:/(?<path>.*))?")
    .replaceAll(/\{(\w+)\}/gu, (_, name: string) =>
      deep.has(name) ? `(?<${name}>.+)` : `(?<${name}>[^/]+)`,
    );
  return new RegExp(`^${source}$`, "u");
}

function decodeAll(groups: Record<string, string | undefined>): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [name, value] of Object.entries(groups)) params[name] = decode(value ?? "");
  return params;
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value; // a stray percent sign stands for itself
  }
}
