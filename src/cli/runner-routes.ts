/** What the control server answers about runners: the same as `orcha runner`, as JSON. */
import type { IncomingMessage } from "node:http";
import * as z from "zod";
import type { Added, Desk } from "../compose/desk.ts";
import { answering, bodyOf, type Answer } from "./routes.ts";

const text = (max: number) => z.string().min(1).max(max);

/** Fingerprints of keys that a person has compared. */
const accept = { accept: z.array(text(100)).max(4).default([]) };

const NewMachine = z.strictObject({
  name: text(100),
  target: text(300),
  slots: z.number().default(2),
  labels: z.array(text(100)).max(32).default([]),
  workRoot: text(500).nullable().default(null),
  identity: text(500).nullable().default(null),
  jump: text(300).nullable().default(null),
  via: z.enum(["library", "ssh"]).default("library"),
  ...accept,
});
const Accept = z.strictObject(accept);
const Exec = z.strictObject({ argv: z.array(text(32_768)).min(1).max(256) });

/**
 *     GET    /runners                       all, with link, slots and sessions
 *     POST   /runners                       registers; 428 with the machine's keys when nobody accepted them yet
 *     GET    /runners/NAME/doctor           what the machine says of itself
 *     POST   /runners/NAME/{online,drain,disable}   online: {"accept": [...]} when its key has changed
 *     POST   /runners/NAME/exec             {"argv": ["df", "-h"]}
 *     DELETE /runners/NAME
 */
export async function runnerRoute(desk: Desk, request: IncomingMessage): Promise<Answer | null> {
  const { method = "", url = "/" } = request;
  const match = /^\/runners(?:\/(?<name>[^/?]{1,64})(?:\/(?<what>[a-z]{1,16}))?)?$/u.exec(url);
  if (match === null) return null;
  const { name, what } = match.groups ?? {};
  return answering(async () => {
    const body = method === "POST" ? await bodyOf(request) : undefined;
    if (name === undefined) return all(desk, method, body);
    return one(desk, { name, what: `${method} ${what ?? ""}`.trim(), body });
  });
}

async function all(desk: Desk, method: string, body: unknown): Promise<Answer | null> {
  if (method === "GET") return { status: 200, body: await desk.list() };
  if (method !== "POST") return null;
  return answerOf(await desk.add(NewMachine.parse(body)), 201);
}

const answerOf = (added: Added, status: number): Answer => ({
  status: added.kind === "unknown-key" ? 428 : status,
  body: added,
});

async function one(
  desk: Desk,
  { name, what, body }: { readonly name: string; readonly what: string; readonly body: unknown },
): Promise<Answer | null> {
  switch (what) {
    case "GET doctor":
      return { status: 200, body: { checks: await desk.examine(name) } };
    case "POST online":
      return answerOf(await desk.online(name, Accept.parse(body).accept), 200);
    case "POST drain":
      await desk.drain(name);
      return { status: 200, body: { draining: name } };
    case "POST disable":
      return { status: 200, body: { disabled: name, stopped: await desk.disable(name) } };
    case "POST exec":
      return { status: 200, body: await desk.execute(name, Exec.parse(body).argv) };
    case "DELETE":
      await desk.remove(name);
      return { status: 200, body: { removed: name } };
    default:
      return null;
  }
}
