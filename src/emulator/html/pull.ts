/** The page of a pull request: conversation, reviews, diff with threads on its lines, merge box. */
import { type FileChange, readPatch } from "../git/diff.ts";
import type { GitCommit } from "../git/history.ts";
import { fullName } from "../hub.ts";
import type { CheckRun, Pull, Review, Thread } from "../model.ts";
import { commentForm, conversation, issueHead, pathOf, stateForm, textBox } from "./issue.ts";
import { actionForm } from "./layout.ts";
import { html, type Markup } from "./markup.ts";

const linesPerFileMax = 2000;

export interface PullView {
  readonly pull: Pull;
  readonly files: readonly FileChange[];
  readonly commits: readonly GitCommit[];
  readonly checks: readonly CheckRun[];
}

export function pullPage(view: PullView): Markup {
  const { pull, files } = view;
  const { issue, stats } = pull;
  return html`${issueHead(issue)}
    <p>
      <code>${pull.headRef}</code> into <code>${pull.baseRef}</code>
      <span class="dim"
        >${stats.commits} commits · ${stats.changedFiles} files · +${stats.additions}
        −${stats.deletions}</span
      >
    </p>
    ${conversation(issue)}${pull.reviews.map(reviewBox)} ${mergeBox(view)}${commentForm(issue)}
    <h2 id="files">Files changed</h2>
    ${files.map((file) => fileBox(pull, file))}${reviewForm(pull, files)}`;
}

/** The diff of a single commit. */
export function commitPage(name: string, commit: GitCommit, files: readonly FileChange[]): Markup {
  return html`<p><a href="/${name}">${name}</a></p>
    <h1>${commit.message.split("\n")[0]}</h1>
    <pre>${commit.message}</pre>
    <p class="dim"><code>${commit.sha}</code> by ${commit.author.name}</p>
    ${files.map((file) => fileBox(undefined, file))}`;
}

function reviewBox(review: Review): Markup {
  const note = review.state.toLowerCase().replace("_", " ");
  const { author, submittedAtMs: atMs, body } = review;
  const anchor = `pullrequestreview-${review.id}`;
  return textBox({ author, atMs, body, anchor, reactions: new Map(), note: `review: ${note}` });
}

function mergeBox({ pull, commits, checks }: PullView): Markup {
  const path = pathOf(pull.issue);
  const name = fullName(pull.issue.repository);
  const list = commits.map(
    (commit) =>
      html`<li>
        <a href="/${name}/commit/${commit.sha}"><code>${commit.sha.slice(0, 10)}</code></a>
        ${commit.message.split("\n")[0]} <span class="dim">${commit.author.name}</span>
      </li>`,
  );
  const runs = checks.map(
    (run) =>
      html`<li>
        ${run.name}: ${run.conclusion ?? run.status} <span class="dim">${run.output.title}</span>
      </li>`,
  );
  return html`<div class="box">
    <h2>Commits, checks and merging</h2>
    <div class="body">
      <ul class="plain">
        ${list}
      </ul>
      ${
        runs.length > 0
          ? html`<ul class="plain">
              ${runs}
            </ul>`
          : ""
      }
      ${mergeForms(pull, path)}
    </div>
  </div>`;
}

function mergeForms(pull: Pull, path: string): Markup {
  if (pull.mergedAtMs !== undefined) {
    return html`<p class="merged">
      Merged by ${pull.mergedBy?.login} as <code>${pull.mergeCommitSha?.slice(0, 10)}</code>
    </p>`;
  }
  const close = stateForm(pull.issue);
  if (pull.issue.state === "closed") return close;
  const draft = pull.draft
    ? actionForm(path, "ready", html`<button>Ready for review</button>`)
    : actionForm(path, "draft", html`<button>Convert to draft</button>`);
  const conflict =
    pull.stats.mergeable === false ? html`<p class="closed">This branch has conflicts.</p>` : "";
  const merge = actionForm(
    path,
    "merge",
    html`<select name="method">
        <option>merge</option>
        <option>squash</option>
        <option>rebase</option>
      </select>
      <button>Merge pull request</button>`,
  );
  return html`${conflict}${pull.draft ? "" : merge}${draft}${close}`;
}

function fileBox(pull: Pull | undefined, file: FileChange): Markup {
  const threads = pull?.threads.filter((thread) => thread.path === file.path) ?? [];
  const lines = readPatch(file.patch ?? "").slice(0, linesPerFileMax);
  const shown = new Set<Thread>();
  const rows = lines.map((line) => {
    const here = threads.filter((thread) =>
      thread.side === "RIGHT" ? thread.line === line.newLine : thread.line === line.oldLine,
    );
    const notes = here.filter((thread) => thread.line !== undefined && !shown.has(thread));
    for (const thread of notes) shown.add(thread);
    return html`<tr class="${line.kind}">
        <td class="n">${line.oldLine}</td>
        <td class="n">${line.newLine}</td>
        <td>${line.text}</td>
      </tr>
      ${notes.map((thread) => noteRow(thread))}`;
  });
  const rest = threads.filter((thread) => !shown.has(thread)).map((thread) => noteRow(thread));
  const was = file.previousPath === undefined ? "" : `${file.previousPath} → `;
  return html`<div class="box">
    <h2>
      ${was}<code>${file.path}</code>
      <span class="dim">${file.status} +${file.additions} −${file.deletions}</span>
    </h2>
    <div class="body">
      <table class="diff">
        ${rows}${rest}
      </table>
    </div>
  </div>`;
}

function noteRow(thread: Thread): Markup {
  const path = pathOf(thread.pull.issue);
  const comments = thread.comments.map((comment) =>
    textBox({
      author: comment.author,
      atMs: comment.createdAtMs,
      body: comment.body,
      anchor: `discussion_r${comment.id}`,
      reactions: comment.reactions,
      note: undefined,
    }),
  );
  const id = html`<input type="hidden" name="comment" value="${thread.comments[0]?.id}" />`;
  const resolved = thread.resolvedBy !== undefined;
  const state = [
    resolved ? `resolved by ${thread.resolvedBy?.login}` : "",
    thread.outdated ? "outdated" : "",
  ];
  const reply = html`${id}<input name="body" placeholder="Reply" required />
    <button>Reply</button>`;
  const toggle = html`${id}<button>${resolved ? "Unresolve" : "Resolve"}</button>`;
  return html`<tr>
    <td class="note" colspan="3">
      ${comments}
      <span class="dim">${state.filter((word) => word !== "").join(", ")}</span>
      ${actionForm(path, "reply", reply)}${actionForm(path, resolved ? "unresolve" : "resolve", toggle)}
    </td>
  </tr>`;
}

function reviewForm(pull: Pull, files: readonly FileChange[]): Markup {
  const options = files.map((file) => html`<option>${file.path}</option>`);
  const content = html`<textarea name="body" placeholder="Review summary"></textarea>
    <p class="row">
      <label
        >on
        <select name="path">
          <option value="">no line</option>
          ${options}
        </select></label
      >
      <label>line <input name="line" type="number" min="1" size="6" /></label>
      <input name="comment" placeholder="Comment on that line" size="40" />
    </p>
    <p>
      <select name="event">
        <option value="COMMENT">Comment</option>
        <option value="APPROVE">Approve</option>
        <option value="REQUEST_CHANGES">Request changes</option>
      </select>
      <button>Submit review</button>
    </p>`;
  const form = actionForm(pathOf(pull.issue), "review", content, false);
  return html`<div class="box">
    <h2>Review</h2>
    <div class="body">${form}</div>
  </div>`;
}
