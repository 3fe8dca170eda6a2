/** The pages that list: repositories, one repository, its issues and pull requests. */
import { type Hub, fullName } from "../hub.ts";
import type { Issue, Repository } from "../model.ts";
import { actionForm, ago } from "./layout.ts";
import { html, type Markup } from "./markup.ts";

export function homePage(repositories: readonly Repository[]): Markup {
  const rows = repositories.map((repository) => {
    const name = fullName(repository);
    const open = [...repository.issues.values()].filter((issue) => issue.state === "open").length;
    return html`<li>
      <a href="/${name}">${name}</a>
      ${repository.private ? html`<span class="tag">private</span>` : ""}
      <span class="dim">${open} open · <a href="/${name}/issues">issues and pull requests</a></span>
    </li>`;
  });
  return html`<h1>Repositories</h1>
    <ul class="plain">
      ${rows}
    </ul>`;
}

export function repositoryPage(hub: Hub, repository: Repository): Markup {
  const name = fullName(repository);
  const branches = [...repository.refs].filter(([ref]) => ref.startsWith("refs/heads/"));
  const rows = branches.map(([ref, sha]) => {
    const branch = ref.slice("refs/heads/".length);
    const mark = branch === repository.defaultBranch ? html` <span class="tag">default</span>` : "";
    return html`<li>
      <code>${branch}</code>${mark}
      <a href="/${name}/commit/${sha}"><code>${sha.slice(0, 10)}</code></a>
    </li>`;
  });
  return html`<h1>${name}</h1>
    <p><a href="/${name}/issues">Issues and pull requests</a></p>
    <pre><code>git clone ${hub.url}/${name}.git</code></pre>
    <h2>Branches</h2>
    <ul class="plain">
      ${rows}
    </ul>`;
}

export function issuesPage(repository: Repository): Markup {
  const name = fullName(repository);
  const all = [...repository.issues.values()].toReversed();
  const form = actionForm(
    `/${name}/issues`,
    "open-issue",
    html`<p><input name="title" placeholder="Title" required size="40" /></p>
      <p><textarea name="body" placeholder="What should be done? (Markdown)"></textarea></p>
      <p><input name="labels" placeholder="Labels, with commas" /> <button>Open issue</button></p>`,
    false,
  );
  return html`<h1><a href="/${name}">${name}</a></h1>
    <ul class="plain">
      ${all.map((issue) => issueRow(issue))}
    </ul>
    <div class="box">
      <h2>New issue</h2>
      <div class="body">${form}</div>
    </div>`;
}

/** Open, closed or merged, in its colour. */
export function stateTag(issue: Issue): Markup {
  const { pull } = issue;
  if (pull?.mergedAtMs !== undefined) return html`<span class="tag merged">merged</span>`;
  if (issue.state === "open" && pull?.draft === true) return html`<span class="tag">draft</span>`;
  return html`<span class="tag ${issue.state}">${issue.state}</span>`;
}

function issueRow(issue: Issue): Markup {
  const kind = issue.pull === undefined ? "issues" : "pull";
  const labels = issue.labels.map((label) => html` <span class="tag">${label.name}</span>`);
  return html`<li>
    ${stateTag(issue)}
    <a href="/${fullName(issue.repository)}/${kind}/${issue.number}">${issue.title}</a>${labels}
    <br /><span class="dim"
      >#${issue.number}${issue.pull === undefined ? "" : " pull request"} by ${issue.author.login} ·
      ${ago(issue.createdAtMs)} · ${issue.comments.length} comments</span
    >
  </li>`;
}
