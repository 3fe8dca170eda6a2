/** From an `Authorization` header to who is asking: App JWTs, installation tokens, personal tokens. */
import { createVerify } from "node:crypto";

import type { Hub } from "./hub.ts";
import type { Actor, App } from "./model.ts";
import { Problem } from "./problem.ts";

const jwtLifetimeMaxSeconds = 600;
/** Clocks differ; GitHub forgives this much. */
const clockSkewSeconds = 60;

/** @throws Problem 401 for anything that is given but not good; nothing given is anonymous */
export function authenticate(hub: Hub, header: string | undefined): Actor {
  if (header === undefined || header === "") return { kind: "anonymous" };
  const [scheme = "", value = ""] = header.split(" ");
  switch (scheme.toLowerCase()) {
    case "bearer":
      return value.startsWith("ey") ? fromJwt(hub, value) : fromToken(hub, value);
    case "token":
      return fromToken(hub, value);
    case "basic":
      return fromToken(hub, passwordOf(value));
    default:
      throw badCredentials();
  }
}

/** The password of a Basic header; with no password the name is the token, as git's users sometimes write it. */
function passwordOf(value: string): string {
  const [name = "", ...rest] = Buffer.from(value, "base64").toString("utf8").split(":");
  const password = rest.join(":");
  return password === "" || password === "x-oauth-basic" ? name : password;
}

function fromToken(hub: Hub, token: string): Actor {
  const found = hub.tokens.get(token);
  if (found !== undefined) {
    const { installation } = found;
    if (found.expiresAtMs <= hub.nowMs()) throw badCredentials();
    if (installation.suspendedAtMs !== undefined) {
      throw new Problem(403, "This installation has been suspended");
    }
    return { kind: "installation", app: installation.app, installation, token: found };
  }
  for (const account of hub.accounts.values()) {
    if (account.token !== "" && account.token === token) return { kind: "user", account };
  }
  throw badCredentials();
}

function fromJwt(hub: Hub, jwt: string): Actor {
  const [header = "", payload = "", signature = ""] = jwt.split(".");
  const head = decode(header);
  const claims = decode(payload);
  if (head["alg"] !== "RS256") throw undecodable();
  const app = appBy(hub, claims["iss"]);
  if (app === undefined) throw new Problem(404, "Integration not found");
  const verifier = createVerify("RSA-SHA256").update(`${header}.${payload}`);
  if (!verifier.verify(app.publicKey, signature, "base64url")) throw undecodable();
  checkTimes(claims, hub.nowMs() / 1000);
  return { kind: "app", app };
}

function checkTimes(claims: Record<string, unknown>, nowSeconds: number): void {
  const { exp, iat } = claims;
  if (typeof exp !== "number" || exp <= nowSeconds) {
    throw new Problem(
      401,
      "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
    );
  }
  if (exp > nowSeconds + jwtLifetimeMaxSeconds + clockSkewSeconds) {
    throw new Problem(401, "'Expiration time' claim ('exp') is too far in the future");
  }
  if (typeof iat !== "number" || iat > nowSeconds + clockSkewSeconds) {
    throw new Problem(
      401,
      "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
    );
  }
}

/** `iss` may be the App's number, as number or text, or its client id. */
function appBy(hub: Hub, issuer: unknown): App | undefined {
  for (const app of hub.apps.values()) {
    if (String(issuer) === String(app.id) || issuer === app.clientId) return app;
  }
  return undefined;
}

function decode(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    if (typeof value === "object" && value !== null)
      return Object.fromEntries(Object.entries(value));
  } catch {
    // Not base64 or not JSON: refused below like every other text that is no JWT.
  }
  throw undecodable();
}

function undecodable(): Problem {
  return new Problem(401, "A JSON web token could not be decoded");
}

function badCredentials(): Problem {
  return new Problem(401, "Bad credentials");
}
