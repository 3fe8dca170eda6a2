/** The desk of a server that talks to no machine. */
import { openDesk, type Desk } from "../../src/compose/desk.ts";
import { openHands, type Hands } from "../../src/compose/hands.ts";
import type { Roster } from "../../src/compose/roster.ts";
import { readConfig } from "../../src/config.ts";
import type { Store } from "../../src/store/port.ts";

const roster: Roster = {
  links: new Map(),
  open: () => Promise.reject(new TypeError("there is no network")),
  close: async () => undefined,
  ssh: () => undefined,
  onLink: () => () => undefined,
};

export const handsWithoutMachines = (store: Store): Hands =>
  openHands({ store, links: roster.links, silentSince: () => null, now: () => 2, sshAgent: null });

export function deskWithoutMachines(store: Store): Desk {
  const read = readConfig({}, { app: "unused" });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return openDesk({ config: read.config, store, roster, local: false });
}
