/** All benchmarks, by the name they are called by. */
import { agentStart } from "./agent-start.ts";
import { checkout } from "./checkout.ts";
import { decoders } from "./decoders.ts";
import { decisions } from "./decisions.ts";
import { dispatch } from "./dispatch.ts";
import { links } from "./links.ts";
import { memory } from "./memory.ts";
import type { Scale } from "./measure.ts";
import { output } from "./output.ts";
import { pages } from "./pages.ts";
import { recovery } from "./recovery.ts";
import { start } from "./start.ts";
import type { Figure } from "./table.ts";
import { webhooks } from "./webhooks.ts";
import { writes } from "./writes.ts";

export const BENCHMARKS: Readonly<Record<string, (scale: Scale) => Promise<readonly Figure[]>>> = {
  webhooks,
  start,
  agents: agentStart,
  output,
  links,
  checkout,
  recovery,
  memory,
  pages,
  decisions,
  dispatch,
  writes,
  decoders,
};
