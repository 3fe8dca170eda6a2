/** What the control server answers about single sessions: what `orcha attach`, `takeover`, `resume` and `pull` ask for. */
import type { IncomingMessage } from "node:http";
import * as z from "zod";
import type { Hands } from "../compose/hands.ts";
import { answering, bodyOf, type Answer } from "./routes.ts";

/** As long as a message to an agent may be, in characters. */
export const LINE_MAX = 60_000;

/** `id` is drawn by whoever asks: the same request again is one. */
const asking = {
  id: z.string().regex(/^[A-Za-z0-9-]{1,64}$/u),
  by: z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u),
};
const Say = z.strictObject({ ...asking, text: z.string().min(1).max(LINE_MAX) });
const TakeOver = z.strictObject({ ...asking, now: z.boolean().default(false) });
const GiveBack = z.strictObject({
  ...asking,
  text: z.string().min(1).max(LINE_MAX).nullable().default(null),
});

/**
 *     GET  /sessions/ID             how it is, its open questions, what became of the lines typed for it
 *     POST /sessions/ID/say         {"id": …, "by": …, "text": …}
 *     POST /sessions/ID/takeover    {"id": …, "by": …, "now": false}
 *     POST /sessions/ID/resume      {"id": …, "by": …, "text": null}
 *     GET  /sessions/ID/way         how to get into its checkout
 *     GET  /sessions/ID/work        its commits and what is not committed, as a bundle in base64
 */
export async function sessionRoute(hands: Hands, request: IncomingMessage): Promise<Answer | null> {
  const { method = "", url = "/" } = request;
  const match = /^\/sessions\/(?<id>[^/?]{1,64})(?:\/(?<what>[a-z]{1,16}))?$/u.exec(url)?.groups;
  if (match === undefined) return null;
  const { id = "", what = "" } = match;
  return answering(async () =>
    method === "POST" ? posted(hands, id, what, await bodyOf(request)) : got(hands, id, what),
  );
}

async function got(hands: Hands, id: string, what: string): Promise<Answer | null> {
  if (what === "") return { status: 200, body: await hands.session(id) };
  if (what === "way") return { status: 200, body: await hands.way(id) };
  if (what !== "work") return null;
  const { bundle, ...work } = await hands.work(id);
  return { status: 200, body: { ...work, bundle: Buffer.from(bundle).toString("base64") } };
}

async function posted(
  hands: Hands,
  id: string,
  what: string,
  body: unknown,
): Promise<Answer | null> {
  switch (what) {
    case "say":
      await hands.say(id, Say.parse(body));
      return { status: 202, body: { stored: true } };
    case "takeover":
      await hands.takeOver(id, TakeOver.parse(body));
      return { status: 202, body: { takingOver: id } };
    case "resume":
      return { status: 202, body: { changes: await hands.giveBack(id, GiveBack.parse(body)) } };
    default:
      return null;
  }
}
