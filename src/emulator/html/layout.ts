/** The frame around every page: title, who one is, styles that fit a phone. No scripts, nothing from elsewhere. */
import { createHash } from "node:crypto";

import type { Account } from "../model.ts";
import { html, type Markup, trusted } from "./markup.ts";

const style = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--add:#2da44e26;--del:#cf222e26;--accent:#0969da}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:0 1rem 4rem}
header{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;border-bottom:1px solid var(--line);padding:.6rem 0;margin-bottom:1rem}
header .who{margin-left:auto}
a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
h1{font-size:1.5rem;margin:.5rem 0}h1 small,.dim{color:#888;font-weight:normal}
form{margin:.4rem 0}form.row{display:flex;flex-wrap:wrap;gap:.4rem;align-items:center}
input,select,textarea,button{font:inherit;padding:.3rem .5rem;max-width:100%}
textarea{width:100%;min-height:6rem}
.box{border:1px solid var(--line);border-radius:.5rem;margin:1rem 0;overflow:hidden}
.box>h2,.box>.head{font-size:.95rem;margin:0;padding:.4rem .8rem;background:var(--soft);border-bottom:1px solid var(--line);font-weight:normal}
.box>.body{padding:.2rem .8rem;overflow-x:auto;overflow-wrap:anywhere}
ul.plain{list-style:none;padding:0}ul.plain li{border-bottom:1px solid var(--line);padding:.4rem 0}
.tag{border:1px solid var(--line);border-radius:1rem;padding:0 .6rem;font-size:.85rem;white-space:nowrap}
.open{color:#1a7f37}.closed{color:#cf222e}.merged{color:#8250df}
pre{background:var(--soft);padding:.6rem;overflow:auto;max-height:24rem;border-radius:.4rem}
code{font:.875em ui-monospace,monospace}
.body table{border-collapse:collapse}.body td,.body th{border:1px solid var(--line);padding:.2rem .5rem}
li.depth-1{margin-left:1.2rem}li.depth-2{margin-left:2.4rem}li.depth-3,li.depth-4{margin-left:3.6rem}li.more{list-style:none}
blockquote{border-left:3px solid var(--line);margin:.5rem 0;padding-left:.8rem;color:#888}
table.diff{width:100%;border-collapse:collapse;font:13px/1.45 ui-monospace,monospace}
table.diff td{padding:0 .4rem;white-space:pre-wrap;overflow-wrap:anywhere;vertical-align:top}
table.diff td.n{color:#888;text-align:right;width:1%;white-space:nowrap}
tr.added{background:var(--add)}tr.removed{background:var(--del)}tr.hunk{color:#888;background:var(--soft)}
table.diff td.note{white-space:normal;font:16px/1.5 system-ui,sans-serif;padding:.4rem}
.error{border:1px solid #cf222e;padding:.6rem;border-radius:.5rem}
`;

/** One piece: a space more between the tags, and the browser would refuse it by its hash. */
const styleSheet = trusted(`<style>${style}</style>`);
const styleHash = createHash("sha256").update(style).digest("base64");

/** Nothing may be loaded, framed or sent elsewhere; the one style sheet is allowed by its hash. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${styleHash}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

export interface Viewer {
  readonly account: Account | undefined;
  /** Everybody one may act as. */
  readonly people: readonly Account[];
  readonly path: string;
}

export function layout(viewer: Viewer, title: string, content: Markup): string {
  const { markup } = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>${title}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        ${styleSheet}
      </head>
      <body>
        <header>
          <a href="/"><strong>GitHub in memory</strong></a
          >${whoForm(viewer)}
        </header>
        <main>${content}</main>
      </body>
    </html> `;
  return markup;
}

function whoForm({ account, people, path }: Viewer): Markup {
  const options = people.map(
    ({ login }) =>
      html`<option${login === account?.login ? trusted(" selected") : ""}>${login}</option>`,
  );
  return html`<form class="row who" method="get" action="${path}">
    <label
      >acting as
      <select name="as">
        ${options}
      </select></label
    >
    <button>switch</button>
  </form>`;
}

/** A form that does one thing; `name` says which. */
export function actionForm(path: string, name: string, content: Markup, row = true): Markup {
  return html`<form method="post" action="${path}" ${row ? trusted(' class="row"') : ""}>
    <input type="hidden" name="action" value="${name}" />${content}
  </form>`;
}

export function ago(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
