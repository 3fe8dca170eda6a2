/** The little world most emulator tests start from: `acme/shop`, alice (admin), bob (reader), the app `orcha`. */
import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/rest";

import { type Emulator, type EmulatorOptions, startEmulator } from "../../src/emulator/emulator.ts";
import type { Installation } from "../../src/emulator/model.ts";
import type { Person } from "../../src/emulator/person.ts";
import type { AppHandle, World } from "../../src/emulator/world.ts";
import { collectViolations } from "./validate.ts";

export interface Shop extends AsyncDisposable {
  readonly emulator: Emulator;
  readonly world: World;
  readonly url: string;
  readonly app: AppHandle;
  readonly installation: Installation;
  readonly alice: Person;
  readonly bob: Person;
  readonly violations: string[];
  readonly seen: Set<string>;
  /** A client of the app's installation; with its own token, so nothing is minted behind the test's back. */
  readonly bot: Octokit;
  /** A client that signs with the app's key. */
  readonly asApp: Octokit;
  as(token: string): Octokit;
  /** A fresh installation token, optionally narrower. */
  token(scope?: {
    permissions?: Record<string, "read" | "write">;
    repositories?: string[];
  }): Promise<string>;
}

export const repo = { owner: "acme", repo: "shop" } as const;
export const shopName = "acme/shop";

const everyEvent = [
  "check_run",
  "check_suite",
  "create",
  "delete",
  "issue_comment",
  "issues",
  "label",
  "pull_request",
  "pull_request_review",
  "pull_request_review_comment",
  "pull_request_review_thread",
  "push",
  "repository",
];

/** Refusals are what many tests ask for; the client need not report them. */
export const quiet = { debug: ignore, info: ignore, warn: ignore, error: ignore };

export async function openShop(
  options: EmulatorOptions & { readonly webhookUrl?: string; readonly private?: boolean } = {},
): Promise<Shop> {
  const { webhookUrl, private: hidden = false, ...rest } = options;
  const { onExchange, violations, seen } = collectViolations();
  const emulator = await startEmulator({ onExchange, ...rest });
  const { world, url } = emulator;
  world.createUser("alice");
  world.createUser("bob");
  await world.createRepository({
    owner: repo.owner,
    name: repo.repo,
    private: hidden,
    files: { "README.md": "# Shop\n", "src/cart.js": "one\ntwo\nthree\nfour\nfive\n" },
  });
  world.setPermission(shopName, "alice", "admin");
  world.setPermission(shopName, "bob", "read");
  const app = await world.createApp({
    slug: "orcha",
    webhookSecret: "a secret of the tests",
    ...(webhookUrl === undefined ? {} : { webhookUrl }),
    permissions: {
      checks: "write",
      contents: "write",
      issues: "write",
      pull_requests: "write",
      statuses: "write",
    },
    events: everyEvent,
  });
  const installation = world.install(app, { account: repo.owner });
  const asApp = new Octokit({
    baseUrl: `${url}/api/v3`,
    authStrategy: createAppAuth,
    log: quiet,
    auth: { appId: app.id, privateKey: app.privateKey },
  });
  const as = (auth: string): Octokit => new Octokit({ baseUrl: `${url}/api/v3`, auth, log: quiet });
  const token: Shop["token"] = async (scope = {}) => {
    const { data } = await asApp.rest.apps.createInstallationAccessToken({
      installation_id: installation.id,
      ...scope,
    });
    return data.token;
  };
  const bot = as(await token());
  return {
    emulator,
    world,
    url,
    app,
    installation,
    alice: world.as("alice"),
    bob: world.as("bob"),
    violations,
    seen,
    bot,
    asApp,
    as,
    token,
    [Symbol.asyncDispose]: () => emulator.close(),
  };
}

function ignore(): void {
  // on purpose
}

/** The status and message of a request that must fail. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<{ status: number; message: string; headers: Record<string, string> }> {
  try {
    await promise;
  } catch (error) {
    if (!(error instanceof Error) || !("status" in error)) throw error;
    const response = "response" in error ? error.response : undefined;
    const headers: Record<string, string> = {};
    if (typeof response === "object" && response !== null && "headers" in response) {
      Object.assign(headers, response.headers);
    }
    return { status: Number(error.status), message: error.message, headers };
  }
  throw new Error("the request should have failed");
}
