/** The Probot application: every webhook becomes inbox items, nothing else happens here. */
import { createProbot, ProbotOctokit, type Probot } from "probot";
import type { RoutedEvent } from "./inbox/port.ts";
import { parseWebhook, type OwnIdentity } from "./inbox/webhook.ts";

export type Route = (guid: string, events: readonly RoutedEvent[]) => Promise<void>;

/** The function Probot loads. `own` is asked per webhook: the bot's user id is learnt after the start. */
export const orchaApp =
  (route: Route, own: () => OwnIdentity): ((app: Probot) => void) =>
  (app) => {
    app.onAny(async ({ id, name, payload }) => {
      const events = parseWebhook(name, payload, own());
      await route(id, events);
    });
  };

export interface ProbotOptions {
  readonly appId: number;
  readonly privateKey: string;
  readonly webhookSecret: string;
  readonly baseUrl: string;
  readonly log?: Probot["log"];
}

/**
 * Probot as a dispatcher only: it never listens and never writes. Its own reading of the environment is off,
 * and so are its retries and throttling, which repeat writes (only the function form turns them off).
 */
export function openProbot(options: ProbotOptions): Probot {
  const { log } = options;
  return createProbot({
    env: {},
    overrides: {
      appId: options.appId,
      privateKey: options.privateKey,
      secret: options.webhookSecret,
      baseUrl: options.baseUrl,
      Octokit: ProbotOctokit.defaults((defaults: Record<string, unknown>) => ({
        ...defaults,
        throttle: { enabled: false },
        retry: { enabled: false },
      })),
      ...(log === undefined ? { logLevel: "fatal" as const } : { log }),
    },
  });
}
