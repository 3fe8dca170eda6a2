/** The page of an issue, and the parts that a pull request's page shares with it. */
import { fullName } from "../hub.ts";
import type { Account, Issue, Reaction } from "../model.ts";
import { actionForm, ago } from "./layout.ts";
import { stateTag } from "./lists.ts";
import { html, type Markup } from "./markup.ts";
import { renderMarkdown } from "./markdown.ts";

const emoji: Readonly<Record<Reaction["content"], string>> = {
  "+1": "👍",
  "-1": "👎",
  laugh: "😄",
  confused: "😕",
  heart: "❤️",
  hooray: "🎉",
  rocket: "🚀",
  eyes: "👀",
};

export function issuePage(issue: Issue): Markup {
  return html`${issueHead(issue)}${conversation(issue)}${commentForm(issue)}${stateForm(issue)}`;
}

export function issueHead(issue: Issue): Markup {
  const path = pathOf(issue);
  const labels = issue.labels.map((label) =>
    actionForm(
      path,
      "unlabel",
      html`<input type="hidden" name="label" value="${label.name}" />
        <span class="tag">${label.name}</span> <button title="remove label">×</button>`,
    ),
  );
  const add = html`<input name="label" placeholder="label" list="labels" required size="14" />
    <datalist id="labels">
      ${[...issue.repository.labels.values()].map(({ name }) => html`<option>${name}</option>`)}
    </datalist>
    <button>Add label</button>`;
  return html`<p>
      <a href="/${fullName(issue.repository)}/issues">${fullName(issue.repository)}</a>
    </p>
    <h1>${issue.title} <small>#${issue.number}</small></h1>
    <p>
      ${stateTag(issue)}
      <span class="dim">opened by ${issue.author.login} · ${ago(issue.createdAtMs)}</span>
    </p>
    <div class="row">${labels}${actionForm(path, "label", add)}</div>`;
}

/** The first text and all comments, in order. */
export function conversation(issue: Issue): Markup {
  const comments = issue.comments.map((comment) =>
    textBox({
      author: comment.author,
      atMs: comment.createdAtMs,
      body: comment.minimized === undefined ? comment.body : `_hidden: ${comment.minimized}_`,
      anchor: `issuecomment-${comment.id}`,
      reactions: comment.reactions,
      note: comment.updatedAtMs > comment.createdAtMs ? "edited" : undefined,
    }),
  );
  const first = textBox({
    author: issue.author,
    atMs: issue.createdAtMs,
    body: issue.body ?? "_No description provided._",
    anchor: `issue-${issue.id}`,
    reactions: issue.reactions,
    note: undefined,
  });
  return html`${first}${comments}`;
}

export interface Written {
  readonly author: Account;
  readonly atMs: number;
  readonly body: string;
  readonly anchor: string;
  readonly reactions: ReadonlyMap<number, Reaction>;
  readonly note: string | undefined;
}

/** One text somebody wrote, rendered. */
export function textBox(written: Written): Markup {
  const counts = new Map<string, number>();
  for (const { content } of written.reactions.values()) {
    counts.set(emoji[content], (counts.get(emoji[content]) ?? 0) + 1);
  }
  const reactions = [...counts].map(
    ([sign, count]) => html` <span class="tag">${sign} ${count}</span>`,
  );
  return html`<div class="box" id="${written.anchor}">
    <div class="head">
      <strong>${written.author.login}</strong>
      <span class="dim"
        >${ago(written.atMs)}${written.note === undefined ? "" : ` · ${written.note}`}</span
      >${reactions}
    </div>
    <div class="body">${renderMarkdown(written.body)}</div>
  </div>`;
}

export function commentForm(issue: Issue): Markup {
  const content = html`<textarea name="body" placeholder="Comment (Markdown)" required></textarea>
    <p><button>Comment</button></p>`;
  return actionForm(pathOf(issue), "comment", content, false);
}

export function stateForm(issue: Issue): Markup {
  if (issue.pull?.mergedAtMs !== undefined) return html``;
  const what = issue.pull === undefined ? "issue" : "pull request";
  return issue.state === "open"
    ? actionForm(pathOf(issue), "close", html`<button>Close ${what}</button>`)
    : actionForm(pathOf(issue), "reopen", html`<button>Reopen ${what}</button>`);
}

export function pathOf(issue: Issue): string {
  const kind = issue.pull === undefined ? "issues" : "pull";
  return `/${fullName(issue.repository)}/${kind}/${issue.number}`;
}
