/** What an agent may have done to the repository it worked in. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Everything a repository's own configuration can name that git executes, and a promisor that would be asked. */
export function hostile(path: string, evil: string): void {
  const set = (name: string, value: string): void => {
    execFileSync("git", ["config", "--file", join(path, ".git", "config"), name, value]);
  };
  for (const name of [
    "core.fsmonitor",
    "core.sshCommand",
    "core.askPass",
    "core.editor",
    "core.pager",
    "gpg.program",
    "diff.external",
    "core.alternateRefsCommand",
    "credential.helper",
    "uploadpack.packObjectsHook",
    "remote.origin.uploadpack",
    "core.gitProxy",
  ])
    set(name, evil);
  set("core.hooksPath", join(path, ".git", "hooks"));
  set("filter.x.clean", evil);
  set("filter.x.smudge", evil);
  set("url.ext::sh -c id.insteadOf", "https://");
  set("core.repositoryformatversion", "1");
  set("extensions.partialClone", "evil");
  set("remote.evil.promisor", "true");
  set("remote.evil.url", `ext::${evil}`);
  mkdirSync(join(path, ".git", "hooks"), { recursive: true });
  for (const hook of [
    "post-checkout",
    "pre-commit",
    "reference-transaction",
    "post-index-change",
    "pre-auto-gc",
  ]) {
    writeFileSync(join(path, ".git", "hooks", hook), readFileSync(evil));
    chmodSync(join(path, ".git", "hooks", hook), 0o755);
  }
  writeFileSync(join(path, ".gitattributes"), "* filter=x diff=x\n");
}
