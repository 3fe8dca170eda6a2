/** The App's own credential: a JWT signed with its private key, by our clock. */
import { createPrivateKey, sign, type KeyObject } from "node:crypto";

/** GitHub refuses more than ten minutes and a time in its future. */
const LIFE_S = 540;
const SKEW_S = 60;

/** A JWT for `appId` at `now` (ms). */
export function appJwt(appId: number, key: KeyObject, now: number): string {
  const seconds = Math.floor(now / 1000);
  const header = encode({ alg: "RS256", typ: "JWT" });
  const claims = encode({ iat: seconds - SKEW_S, exp: seconds + LIFE_S, iss: String(appId) });
  const signature = sign("RSA-SHA256", Buffer.from(`${header}.${claims}`), key);
  return `${header}.${claims}.${signature.toString("base64url")}`;
}

/** Reads a PEM key (PKCS#1 or PKCS#8). Its text never gets into the error. */
export function readPrivateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // The cause may quote the key.
    throw new TypeError("the App's private key is not a PEM private key");
  }
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
