/** `X-Hub-Signature-256` over the raw bytes of a webhook. */
import { createHmac, timingSafeEqual } from "node:crypto";

/** True when one of the secrets made the signature; two are in force while a secret is rotated. */
export function isSigned(
  body: Uint8Array,
  header: string | undefined,
  secrets: readonly string[],
): boolean {
  const hex = /^sha256=(?<hex>[0-9a-f]{64})$/u.exec(header ?? "")?.groups?.["hex"];
  if (hex === undefined) return false;
  const given = Buffer.from(hex, "hex");
  // No early exit: the time taken does not tell which secret fits.
  return secrets
    .map((secret) => timingSafeEqual(createHmac("sha256", secret).update(body).digest(), given))
    .includes(true);
}
