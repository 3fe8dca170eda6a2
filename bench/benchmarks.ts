/** All benchmarks, by the name they are called by. */
import type { Scale } from "./measure.ts";
import type { Figure } from "./table.ts";
import { webhooks } from "./webhooks.ts";

export const BENCHMARKS: Readonly<Record<string, (scale: Scale) => Promise<readonly Figure[]>>> = {
  webhooks,
};
