/** What the emulator over HTTP and the one in this process share: everything but the way in and the way out. */
import { openChance } from "./chance.ts";
import type { Exchange } from "./exchange.ts";
import { createFaults, type Faults } from "./faults.ts";
import type { Git } from "./git/port.ts";
import type { ApiParts } from "./http/api.ts";
import { createRouter } from "./http/router.ts";
import { createHub, type Hub, type Schedule } from "./hub.ts";
import { createMeter, type EmulatorLimits, githubLimits } from "./limits.ts";
import { routes } from "./rest/routes.ts";
import type { Post } from "./webhook/post.ts";
import { createSender, type Sender } from "./webhook/sender.ts";

export interface CoreOptions {
  readonly git: Git;
  readonly schedule: Schedule;
  readonly post: Post;
  readonly now?: () => number;
  readonly random?: () => number;
  readonly listLag?: () => number;
  readonly limits?: Partial<EmulatorLimits>;
  readonly tokenFormat?: "long" | "short";
  readonly onExchange?: (exchange: Exchange) => void;
}

export interface Core {
  readonly hub: Hub;
  readonly sender: Sender;
  readonly faults: Faults;
  readonly api: ApiParts;
}

export function createCore(options: CoreOptions): Core {
  const { git, schedule, post, listLag, onExchange: observe, now = Date.now } = options;
  const chance = openChance(options.random);
  const hub = createHub({ git, schedule, chance, now, listLag });
  const faults = createFaults(() => hub.touch(), schedule);
  const sender = createSender({ hub, faults, post, observe });
  hub.emit = (happening) => sender.emit(happening);
  const meter = createMeter({ ...githubLimits, ...options.limits }, () => hub.nowMs());
  const tokenFormat = options.tokenFormat ?? "long";
  const router = createRouter(routes);
  return { hub, sender, faults, api: { hub, sender, meter, router, tokenFormat, observe } };
}
