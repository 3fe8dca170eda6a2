/** What every store must do. Each implementation's test file calls this with a way to open an empty one. */
import { describe } from "vitest";
import { deliveries } from "./contract/deliveries.ts";
import { absences, moves } from "./contract/absences.ts";
import { attempts, crowds, machines, releases, slots } from "./contract/fleet.ts";
import type { Open } from "./contract/given.ts";
import { inbox } from "./contract/inbox.ts";
import { limits } from "./contract/limits.ts";
import { objectives, revisions } from "./contract/objectives.ts";
import { ends, outbox, statuses } from "./contract/outbox.ts";
import { rest } from "./contract/rest.ts";

const parts = {
  deliveries,
  inbox,
  objectives,
  revisions,
  outbox,
  ends,
  statuses,
  slots,
  crowds,
  machines,
  releases,
  attempts,
  absences,
  moves,
  rest,
  limits,
};

export function storeContract(name: string, open: Open): void {
  for (const [part, run] of Object.entries(parts))
    describe(`${name}: ${part}`, () => {
      run(open);
    });
}
