/** Files and folders of a repository at a commit. */
import type { TreeEntry } from "../git/port.ts";
import { type Answer, type Context, ok, param, type Route, route } from "../http/request.ts";
import type { Repository } from "../model.ts";
import { notFound, Problem } from "../problem.ts";
import { repositoryApi, repositoryPage } from "../shape/repository.ts";
import { readable } from "./repositories.ts";

/** Above this GitHub gives no content here. */
const contentBytesMax = 1024 * 1024;

export const contentRoutes: readonly Route[] = [
  route("GET", "/repos/{owner}/{repo}/contents/{path}", contents),
];

async function contents(context: Context): Promise<Answer> {
  const repository = readable(context);
  const ref = context.query.get("ref") ?? repository.defaultBranch;
  const path = param(context, "path").replace(/^\/+|\/+$/gu, "");
  const sha = await repository.git.resolveCommit(ref.replace(/^refs\/heads\//u, ""));
  if (sha === undefined) throw new Problem(404, `No commit found for the ref ${ref}`);
  const [entry, ...more] = path === "" ? [] : await repository.git.listTree(sha, path);
  if (path === "" || entry?.type === "tree") {
    const children = await repository.git.listTree(sha, path === "" ? "" : `${path}/`);
    return ok(children.map((child) => shape(context, repository, child, ref)));
  }
  if (entry === undefined || more.length > 0) throw notFound();
  const large = entry.size > contentBytesMax;
  return ok({
    ...shape(context, repository, entry, ref),
    encoding: large ? "none" : "base64",
    content: large ? "" : await base64Of(repository, entry.sha),
  });
}

/** Base64 in lines of 60, as GitHub sends it. */
async function base64Of(repository: Repository, sha: string): Promise<string> {
  const bytes = await repository.git.readBlob(sha);
  return bytes.toString("base64").replaceAll(/.{1,60}/gu, (line) => `${line}\n`);
}

function shape(
  context: Context,
  repository: Repository,
  entry: TreeEntry,
  ref: string,
): Record<string, unknown> {
  const { hub } = context;
  const path = entry.path.split("/").map(encodeURIComponent).join("/");
  const api = repositoryApi(hub, repository);
  const page = repositoryPage(hub, repository);
  const folder = entry.type === "tree";
  const self = `${api}/contents/${path}?ref=${encodeURIComponent(ref)}`;
  const html = `${page}/${folder ? "tree" : "blob"}/${ref}/${path}`;
  const object = `${api}/git/${folder ? "trees" : "blobs"}/${entry.sha}`;
  return {
    name: entry.path.split("/").at(-1) ?? "",
    path: entry.path,
    sha: entry.sha,
    size: entry.size,
    url: self,
    html_url: html,
    git_url: object,
    download_url: folder ? null : `${page}/raw/${ref}/${path}`,
    type: folder ? "dir" : "file",
    _links: { self, git: object, html },
  };
}
