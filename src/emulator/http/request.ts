/** What a handler gets to see of a request, with readers that refuse wrong types in GitHub's words. */
import { visible } from "../access.ts";
import { type Hub, repositoryOf } from "../hub.ts";
import type { Meter } from "../limits.ts";
import type { Actor, Repository } from "../model.ts";
import { notFound, Problem } from "../problem.ts";
import type { Sender } from "../webhook/sender.ts";

export interface Context {
  readonly hub: Hub;
  readonly sender: Sender;
  readonly meter: Meter;
  readonly tokenFormat: "long" | "short";
  readonly actor: Actor;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly path: string;
  readonly body: Body;
}

export type Body = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly method: string;
  /** As in GitHub's description: `/repos/{owner}/{repo}`. */
  readonly path: string;
  readonly handle: (context: Context) => Answer | Promise<Answer>;
}

export function route(method: string, path: string, handle: Route["handle"]): Route {
  return { method, path, handle };
}

export function ok(body: unknown): Answer {
  return { status: 200, body };
}

export function created(body: unknown): Answer {
  return { status: 201, body };
}

export function noContent(): Answer {
  return { status: 204 };
}

/** The repository of the path; 404 when it does not exist or may not be seen. */
export function repositoryIn(context: Context): Repository {
  const found = repositoryOf(context.hub, `${param(context, "owner")}/${param(context, "repo")}`);
  if (!visible(context.actor, found)) throw notFound();
  return found;
}

export function param(context: Context, name: string): string {
  const value = context.params[name];
  if (value === undefined) throw new Error(`the route has no parameter ${name}`);
  return value;
}

/** A numeric part of the path; anything else cannot exist. */
export function numberParam(context: Context, name: string): number {
  const value = param(context, name);
  if (!/^\d{1,15}$/u.test(value)) throw notFound();
  return Number(value);
}

export function text(body: Body, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw wrongType(name, value, "a string");
  return value;
}

export function integer(body: Body, name: string): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw wrongType(name, value, "an integer");
  }
  return value;
}

export function flag(body: Body, name: string): boolean | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "boolean") throw wrongType(name, value, "a boolean");
  return value;
}

export function list(body: Body, name: string): readonly unknown[] | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw wrongType(name, value, "an array");
  return value;
}

/** A list of texts; objects with a `name`, which GitHub takes for labels too, count as their name. */
export function texts(body: Body, name: string): readonly string[] | undefined {
  return list(body, name)?.map((item) => {
    if (typeof item === "string") return item;
    const inner = isBody(item) ? item["name"] : undefined;
    if (typeof inner !== "string") throw wrongType(name, item, "a string");
    return inner;
  });
}

export function isBody(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrongType(name: string, value: unknown, expected: string): Problem {
  const shown = JSON.stringify(value)?.slice(0, 100);
  return new Problem(
    422,
    `Invalid request.\n\nFor 'properties/${name}', ${shown} is not ${expected}.`,
  );
}
