/** What a runner's clone needs: an address and a read-only credential for that one repository. */
import type { Repository } from "../domain/repository.ts";
import type { Auth } from "./auth.ts";

export interface ReadCredential {
  readonly username: "x-access-token";
  readonly password: string;
  /** Makes it worthless: right after the clone, before an agent starts. Never throws. */
  revoke(): Promise<void>;
}

/** A fresh token, `contents: read` on this repository only. Throws PortError. */
export async function readCredential(auth: Auth, repository: Repository): Promise<ReadCredential> {
  const minted = await auth.mintOnce(repository, "clone");
  return {
    username: "x-access-token",
    password: minted.token,
    revoke: () => minted.revoke(),
  };
}

/** Where git finds a repository. `gitUrl`: `https://github.com` or `https://host`. */
export function cloneUrl(gitUrl: string, { owner, name }: Repository): string {
  if (!/^[A-Za-z0-9_.-]+$/u.test(owner) || !/^[A-Za-z0-9_.-]+$/u.test(name))
    throw new TypeError(`not a repository's name: ${JSON.stringify(`${owner}/${name}`)}`);
  return `${gitUrl.replace(/\/+$/u, "")}/${owner}/${name}.git`;
}
