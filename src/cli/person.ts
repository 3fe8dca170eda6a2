/** Who is at the keyboard, as everybody is told. */
import { randomUUID } from "node:crypto";
import { userInfo } from "node:os";

/** The name of the operating system's user, with what is no letter, digit or one of ` ._@-` left out. */
export function personHere(): string {
  const name = userInfo()
    .username.replaceAll(/[^\p{L}\p{N} ._@-]/gu, "")
    .slice(0, 64);
  return /^[\p{L}\p{N}]/u.test(name) ? name : "operator";
}

/** One request, however often it is sent. */
export const ask = (): { readonly id: string; readonly by: string } => ({
  id: randomUUID(),
  by: personHere(),
});
