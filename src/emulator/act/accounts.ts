/** Makes accounts and personal access tokens. */
import { accountOf, type Hub } from "../hub.ts";
import type { Account } from "../model.ts";

export function createAccount(hub: Hub, login: string, kind: Account["kind"]): Account {
  if (accountOf(hub, login) !== undefined) throw new Error(`account ${login} exists already`);
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:\[bot\])?$/u.test(login)) {
    throw new Error(`"${login}" is not a login: letters, digits and hyphens, at most 39`);
  }
  const id = hub.nextId();
  const account: Account = {
    id,
    nodeId: hub.nodeId(kind === "Organization" ? "O" : kind === "Bot" ? "BOT" : "U", id),
    login,
    kind,
    createdAtMs: hub.nowMs(),
    token: kind === "User" ? `ghp_${hub.chance.text(36)}` : "",
  };
  hub.accounts.set(login.toLowerCase(), account);
  hub.touch();
  return account;
}
