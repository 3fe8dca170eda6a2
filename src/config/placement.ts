/** Where sessions may be placed, as one record: `placement` in the configuration file. */
import * as z from "zod";

export const Placement = z.strictObject({
  /** A machine with this load per core gets no session that is not bound to it. */
  loadPerCoreMax: z.number().min(0.1).max(1_000).default(1.5),
  /** Nor does one with less free room for checkouts, in bytes. */
  freeBytesMin: z.int().min(0).default(10_000_000_000),
});
export type Placement = z.infer<typeof Placement>;
