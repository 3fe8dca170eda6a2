/** The pages, used the way a browser uses them: issue, label, comment, review, merge; and what they refuse. */
import { createHash } from "node:crypto";

import { afterAll, beforeAll, expect, test } from "vitest";

import { renderMarkdown } from "../../src/emulator/html/markdown.ts";
import { openShop, shopName, type Shop } from "./shop.ts";

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(() => shop.emulator.close());

async function get(path: string): Promise<string> {
  const response = await fetch(`${shop.url}${path}`);
  expect([path, response.status]).toEqual([path, 200]);
  return response.text();
}

function post(
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = { origin: shop.url, "sec-fetch-site": "same-origin" },
): Promise<Response> {
  const body = new URLSearchParams(fields);
  return fetch(`${shop.url}${path}`, { method: "POST", body, headers, redirect: "manual" });
}

test("an issue is opened, labelled, discussed, closed", async () => {
  expect(await get("/")).toContain(shopName);
  expect(await get(`/${shopName}`)).toContain(`git clone ${shop.url}/${shopName}.git`);
  const title = "Fast & <furious>";
  const opened = await post(`/${shopName}/issues`, {
    action: "open-issue",
    title,
    body: "- [ ] go",
  });
  expect([opened.status, opened.headers.get("location")]).toEqual([303, `/${shopName}/issues/1`]);
  const path = `/${shopName}/issues/1`;
  await post(path, { action: "label", label: "objective" });
  await post(path, { action: "comment", body: "**Now**\r\n<!-- hidden -->" });
  const text = await get(path);
  for (const part of ["Fast &amp; &lt;furious&gt;", "☐ go", "objective", "<strong>Now</strong>"]) {
    expect(text).toContain(part);
  }
  expect(text).not.toContain("hidden -->");
  await post(path, { action: "unlabel", label: "objective" });
  await post(path, { action: "close" });
  expect(shop.world.issue(shopName, 1)).toMatchObject({ state: "closed", labels: [] });
});

test("one acts as whom one chooses, with that person's rights", async () => {
  const path = `/${shopName}/issues/1?as=bob`;
  expect((await post(path, { action: "label", label: "x" })).status).toBe(403);
  await post(path, { action: "comment", body: "I am bob" });
  expect(shop.world.comments(shopName, 1).at(-1)?.author.login).toBe("bob");
  const cookie = { cookie: "as=bob", origin: shop.url };
  await post(`/${shopName}/issues/1`, { action: "comment", body: "still bob" }, cookie);
  expect(shop.world.comments(shopName, 1).at(-1)?.author.login).toBe("bob");
});

test("a pull request is reviewed on a line, answered, resolved, merged", async () => {
  const files = { "src/cart.js": "one\n<two>\nthree\nfour\nfive\n" };
  await shop.alice.push(shopName, "work", { files, message: "Two" });
  const pull = await shop.alice.openPull(shopName, { title: "Work", head: "work", base: "main" });
  const path = `/${shopName}/pull/${pull.issue.number}`;
  expect(await get(path)).toContain("+&lt;two&gt;");
  const review = {
    action: "review",
    event: "REQUEST_CHANGES",
    body: "Please",
    path: "src/cart.js",
    line: "2",
    comment: "Why brackets?",
  };
  expect((await post(`${path}?as=bob`, review)).status).toBe(303);
  const [thread] = pull.threads;
  const comment = String(thread?.comments[0]?.id);
  await post(path, { action: "reply", comment, body: "Why not?" });
  await post(path, { action: "resolve", comment });
  expect(thread).toMatchObject({ line: 2, resolvedBy: { login: "alice" } });
  const text = await get(path);
  for (const part of ["Why brackets?", "Why not?", "resolved by alice", "changes requested"]) {
    expect(text).toContain(part);
  }
  await post(path, { action: "merge", method: "squash" });
  expect(await get(path)).toContain("Merged by alice");
  expect(await get(`/${shopName}/commit/${pull.mergeCommitSha}`)).toContain("+&lt;two&gt;");
});

test("forms of other sites, unknown pages and private repositories are refused", async () => {
  const fields = { action: "comment", body: "Gotcha" };
  const path = `/${shopName}/issues/1`;
  expect((await post(path, fields, { origin: "https://evil.example" })).status).toBe(403);
  expect((await post(path, fields, { "sec-fetch-site": "cross-site" })).status).toBe(403);
  expect((await fetch(`${shop.url}/acme/nothing`)).status).toBe(404);
  await shop.world.createRepository({ owner: "acme", name: "secret", private: true });
  expect((await fetch(`${shop.url}/acme/secret?as=bob`)).status).toBe(404);
});

test("a browser loads nothing but the one style sheet, which it accepts", async () => {
  const response = await fetch(shop.url);
  const style = /<style>(.*?)<\/style>/su.exec(await response.text())?.[1] ?? "";
  const hash = createHash("sha256").update(style).digest("base64");
  expect(response.headers.get("content-security-policy")?.split("; ")).toEqual([
    "default-src 'none'",
    `style-src 'sha256-${hash}'`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ]);
});

test("Markdown: what is shown and what stays text", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["# Title", "<h3>Title</h3>"],
    ["a `<b>` c", "<p>a <code>&lt;b&gt;</code> c</p>"],
    ["[x](https://a.example/?q=1&r)", 'href="https://a.example/?q=1&amp;r"'],
    ["[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"],
    ['[x](https://a.example/"onclick=1)', "&quot;onclick=1"],
    ["<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"],
    ["<img src=x onerror=alert(1)>", "&lt;img"],
    ["| a | b |\n|---|---|\n| 1 | 2 |", "<tbody><tr><td>1</td><td>2</td></tr></tbody>"],
    ["- [x] done\n  - deeper", '<li class="depth-1">deeper</li>'],
    ["<details><summary>More</summary>\n\ntext\n\n</details>", "<summary>More</summary>"],
    ["```js\n<b>\n```", "<pre><code>&lt;b&gt;</code></pre>"],
    ["<!-- never closed", ""],
  ];
  for (const [source, wanted] of cases) {
    expect(renderMarkdown(source).markup).toContain(wanted);
  }
});
