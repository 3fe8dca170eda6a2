/**
 * Parts of GitHub's API that sweeps read and the emulator does not serve: an issue's events, and who edited its text. Put
 * in front of the network (`fetch`), answered from what really happened in the emulated world, as its own second App
 * heard it. Everything else goes through.
 */
import type { Fetch } from "../../src/github/client.ts";
import type { AppHandle, World } from "../../src/emulator/world.ts";

/** Hears of everything that happens to issues; nothing is ever delivered to it. */
export async function installRecorder(world: World, account: string): Promise<AppHandle> {
  const recorder = await world.createApp({
    slug: "recorder",
    // Nobody listens: GitHub's log of the deliveries is what is read.
    webhookUrl: "http://127.0.0.1:9/",
    webhookSecret: "nobody checks",
    permissions: { issues: "read", metadata: "read" },
    events: ["issues"],
  });
  world.install(recorder, { account });
  return recorder;
}

export function withMissingParts(world: World, recorder: AppHandle): Fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const events = /\/issues\/(?<number>\d+)\/events$/u.exec(url.pathname)?.groups?.["number"];
    if (events !== undefined) return json(issueEvents(world, recorder, Number(events)));
    const query = typeof init?.body === "string" ? init.body : "";
    if (url.pathname.endsWith("/graphql") && query.includes("lastEditedAt"))
      return json({ data: { repository: { issue: editor(world, recorder, query) } } });
    return globalThis.fetch(input, init);
  };
}

const json = (body: unknown): Response =>
  Response.json(body, { headers: { date: new Date().toUTCString() } });

interface Heard {
  readonly id: number;
  readonly action: string;
  readonly at: string;
  readonly payload: {
    readonly issue?: { readonly number: number };
    readonly label?: { readonly name: string };
    readonly sender: { readonly id: number; readonly login: string; readonly type: string };
    readonly changes?: { readonly body?: unknown; readonly title?: unknown };
  };
}

const TOLD = new Set(["labeled", "unlabeled", "closed", "reopened"]);

/** Oldest first, as `GET /repos/{owner}/{repo}/issues/{issue_number}/events`. */
const issueEvents = (world: World, recorder: AppHandle, number: number): unknown =>
  heard(world, recorder, number).flatMap(({ id, action, at, payload }) => {
    const renamed = action === "edited" && payload.changes?.title !== undefined;
    if (!TOLD.has(action) && !renamed) return [];
    const { label, sender } = payload;
    return [
      {
        id,
        event: renamed ? "renamed" : action,
        created_at: at,
        actor: sender,
        ...(label === undefined ? {} : { label: { name: label.name } }),
      },
    ];
  });

function editor(world: World, recorder: AppHandle, body: string): unknown {
  const number = Number(/"number":(?<number>\d+)/u.exec(body)?.groups?.["number"]);
  const last = heard(world, recorder, number).findLast(
    ({ action, payload }) => action === "edited" && payload.changes?.body !== undefined,
  );
  if (last === undefined) return { lastEditedAt: null, editor: null };
  const { id, login, type } = last.payload.sender;
  return { lastEditedAt: last.at, editor: { kind: type, login, databaseId: id } };
}

const heard = (world: World, recorder: AppHandle, number: number): readonly Heard[] =>
  world
    .deliveries(recorder)
    .toReversed()
    .map((delivery) => ({
      id: delivery.id,
      action: delivery.action ?? "",
      at: seconds(delivery.deliveredAtMs),
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the emulator's own payload
      payload: JSON.parse(delivery.payload) as Heard["payload"],
    }))
    .filter(({ payload }) => payload.issue?.number === number);

const seconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
