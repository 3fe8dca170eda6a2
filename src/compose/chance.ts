/** The one real source of chance. Everybody else is given a `Chance`, or derives what they need. */
import { randomBytes, randomUUID } from "node:crypto";
import type { Chance } from "../store/identity.ts";

export const realChance: Chance = {
  uuid: () => randomUUID(),
  bytes: (count) => randomBytes(count),
};
