/** A push gate over real git and a real git server, and an agent's checkout whose commits it is to push. */
import { sessionId } from "../../src/domain/id.ts";
import {
  openPushGate,
  type ExportBundle,
  type PushGateOptions,
} from "../../src/github/push-gate.ts";
import { SHOP, attempt, openShopWorld, type ShopWorld } from "../github/world.ts";
import { openCheckout, type Checkout } from "./checkout.ts";

export const BRANCH = "orcha/1-limits-abcdef";
export const session = sessionId("s1");

export interface Gate extends AsyncDisposable {
  readonly shop: ShopWorld;
  readonly checkout: Checkout;
  push(
    overrides?: Partial<Effect>,
    options?: Partial<PushGateOptions>,
    tries?: number,
  ): ReturnType<Push>;
  /** What a branch is at on GitHub. */
  branch(name?: string): Promise<string | null>;
}

type Push = ReturnType<typeof openPushGate>["push"];
type Effect = Parameters<Push>[0];

/** `among`: a GitHub that is there already. */
export async function openGate(among: ShopWorld | null = null): Promise<Gate> {
  const shop = among ?? (await openShopWorld());
  const token = (await shop.auth.mintOnce(shop.repository, "clone")).token;
  const checkout = await openCheckout(`${shop.url}/${SHOP}.git`, token);
  const exportBundle: ExportBundle = async () => ({ ok: true, ...(await checkout.export()) });
  return {
    shop,
    checkout,
    push(overrides = {}, options = {}, tries = 1) {
      const gate = openPushGate({
        auth: shop.auth,
        clock: { now: () => Date.now(), after: () => () => undefined },
        exportBundle,
        pullRequest: async (_repository, number) => ({ number, state: "open", headSha: "" }),
        pullRequestAt: async () => null,
        gitUrl: shop.url,
        dataDirectory: checkout.scratch,
        ...options,
      });
      const effect: Effect = {
        kind: "push-branch",
        repository: shop.repository,
        number: 1,
        session,
        attempt: 1,
        runner: "local",
        path: checkout.path,
        base: checkout.base,
        branch: BRANCH,
        expected: null,
        pullRequest: null,
        title: "Limits",
        ...overrides,
      };
      return gate.push(effect, { ...attempt("push"), number: tries });
    },
    branch: (name = BRANCH) => checkout.remoteHead(name),
    async [Symbol.asyncDispose]() {
      await checkout.remove();
      if (among === null) await shop[Symbol.asyncDispose]();
    },
  };
}

/** The runner does not answer. */
export const away: ExportBundle = async () => ({ ok: false, code: "unreachable", reason: "away" });
