/** Where sessions may be placed, as one record: `placement` in the configuration file. */
import * as z from "zod";
import { GATE_LIMITS } from "../domain/gates.ts";

export const Placement = z.strictObject({
  /** A machine with this load per core gets no session that is not bound to it. */
  loadPerCoreMax: z.number().min(0.1).max(1_000).default(GATE_LIMITS.loadPerCoreMax),
  /** Nor does one with less free room for checkouts, in bytes. */
  freeBytesMin: z.int().min(0).default(GATE_LIMITS.freeBytesMin),
});
export type Placement = z.infer<typeof Placement>;
