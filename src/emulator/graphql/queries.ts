/** The entry points for reading. */
import { accountOfActor, demand, visible } from "../access.ts";
import { need } from "../act/needs.ts";
import type { Hub } from "../hub.ts";
import type { Meter } from "../limits.ts";
import type { Actor } from "../model.ts";
import { Problem } from "../problem.ts";
import { iso } from "../shape/time.ts";
import { accountNode, type Node, nodeOf, repositoryNode } from "./nodes.ts";

const nodesMax = 100;

export function queries(hub: Hub, meter: Meter, actor: Actor): Node {
  const view = { hub, actor };
  return {
    node: ({ id }: { id: string }) => nodeOf(view, id),
    nodes: ({ ids }: { ids: string[] }) => ids.slice(0, nodesMax).map((id) => nodeOf(view, id)),
    viewer: () => ({ ...accountNode(view, accountOfActor(actor)), __typename: "User" }),
    repository: ({ owner, name }: { owner: string; name: string }) => {
      const found = hub.repositories.get(`${owner}/${name}`.toLowerCase());
      if (found === undefined || !visible(actor, found)) {
        const what = `a Repository with the name '${owner}/${name}'`;
        throw new Problem(404, `Could not resolve to ${what}.`);
      }
      demand(actor, found, need.read);
      return repositoryNode(view, found);
    },
    rateLimit: () => {
      const { limit, remaining, used, reset } = meter.standing(actor);
      return { cost: 1, nodeCount: 0, limit, remaining, used, resetAt: iso(reset * 1000) };
    },
  };
}
