/** Redaction of stored lines (decision 15) and of posted texts (security.md D8, E7). */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { openRedactor } from "../../src/markdown/redact.ts";
import { redactText } from "../../src/markdown/redact-text.ts";
import { growth, LINEAR } from "../growth.ts";

const SECRET = "ghs_16C7e42F292c6912E7710c838347Ae178B4a";

const line = (secrets: readonly string[], text: string): string =>
  Buffer.from(openRedactor(() => secrets).line(Buffer.from(text))).toString("utf8");

test.for([
  ["as it is", `{"a":"x ${SECRET} y"}`, SECRET.length],
  ["base64", Buffer.from(`user:${SECRET}@host`).toString("base64"), 52],
  ["hex", Buffer.from(SECRET).toString("hex"), SECRET.length * 2],
] as const)("a known value is overwritten at the same length: %s", ([, text, stars]) => {
  const redacted = line([SECRET], text);
  expect(redacted).toHaveLength(text.length);
  expect((redacted.match(/\*/gu) ?? []).length).toBeGreaterThanOrEqual(stars - 4);
  expect(redacted).not.toContain(SECRET.slice(0, 20));
});

test.for([
  // The letter before the value belongs to an escape, or the value begins inside of one.
  ["nabcdefgh", String.raw`{"a":"\nabcdefgh"}`, String.raw`{"a":"**********"}`],
  ["nabcdefgh", String.raw`{"a":"\\nabcdefgh"}`, String.raw`{"a":"\\*********"}`],
  ["e9abcdefgh", String.raw`{"a":"\u00e9abcdefgh"}`, String.raw`{"a":"**************"}`],
  // It ends inside of one.
  [`abcdefgh\\`, String.raw`{"a":"abcdefgh\""}`, String.raw`{"a":"**********"}`],
  // It holds quotes, escaped once and twice.
  [`quo"te\\back`, String.raw`{"a":"quo\"te\\back"}`, String.raw`{"a":"*************"}`],
  // It is a number.
  ["1234567890", `{"a":1234567890}`, `"**************"`],
] as const)("%s never breaks a line of JSON", ([secret, before, after]) => {
  expect(line([secret], before)).toBe(after);
});

test("secrets that come while it runs are known from then on", () => {
  const secrets: string[] = [];
  const redactor = openRedactor(() => secrets);
  const text = Buffer.from(`say ${SECRET}`);
  expect(redactor.line(text)).toBe(text);
  secrets.push(SECRET);
  expect(Buffer.from(redactor.line(text)).toString()).toBe(`say ${"*".repeat(SECRET.length)}`);
});

const secretArbitrary = fc.oneof(
  fc.string({ minLength: 8, maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom("\\", '"', "n", "u", "0", "é", "😀", "a", "\n"),
    minLength: 8,
    maxLength: 16,
  }),
);

test("property: same length, only stars differ, UTF-8 stays whole, what parsed still parses, nothing known is left", () => {
  fc.assert(
    fc.property(
      fc.array(secretArbitrary, { minLength: 1, maxLength: 3 }),
      fc.array(fc.string({ maxLength: 20 }), { maxLength: 4 }),
      fc.boolean(),
      fc.boolean(),
      (secrets, texts, asJson, twice) => {
        const said = {
          texts: texts.flatMap((text, at) => [text, secrets[at % secrets.length] ?? ""]),
        };
        const inner = JSON.stringify(said);
        const source = asJson
          ? twice
            ? JSON.stringify({ inner })
            : inner
          : said.texts.join(" ").replaceAll("\n", " ");
        const before = Buffer.from(source.toWellFormed());
        const after = Buffer.from(openRedactor(() => secrets).line(before));
        expect(after).toHaveLength(before.length);
        const whole = after[0] === 0x22 && before[0] !== 0x22; // the last resort: the line as one string
        const changed = [...after.entries()].filter(([at, byte]) => byte !== before[at]);
        expect(changed.every(([, byte]) => byte === 0x2a || (whole && byte === 0x22))).toBe(true);
        expect(() => new TextDecoder("utf-8", { fatal: true }).decode(after)).not.toThrow();
        expect(!asJson || parses(after)).toBe(true);
        const left = secrets.filter(
          (secret) =>
            !/^\*+$/u.test(secret) && secret.isWellFormed() && after.toString().includes(secret),
        );
        expect(left).toEqual([]);
      },
    ),
    { numRuns: 1_000 },
  );
});

function parses(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false; // what the property is about
  }
}

const forms: readonly (readonly [string, (secret: string) => string])[] = [
  ["raw", (secret) => secret],
  ["JSON", (secret) => JSON.stringify(secret)],
  ["JSON twice", (secret) => JSON.stringify(JSON.stringify(secret))],
  ["URL", (secret) => encodeURIComponent(secret)],
  ["hex", (secret) => Buffer.from(secret).toString("hex")],
  ["HEX", (secret) => Buffer.from(secret).toString("hex").toUpperCase()],
  ["base64", (secret) => Buffer.from(secret).toString("base64")],
  ["base64 +1", (secret) => Buffer.from(`x${secret}`).toString("base64")],
  ["base64 +2", (secret) => Buffer.from(`xy${secret}z`).toString("base64")],
  ["base64url", (secret) => Buffer.from(secret).toString("base64url")],
  ["minus its first seven characters", (secret) => secret.slice(7)],
  ["minus its last nine characters", (secret) => secret.slice(0, -9)],
];

test.for(forms)("E7: no 16 characters in a row of a secret are posted: %s", ([, encode]) => {
  const secret = 'pa"ss/wo+rd=ÿ-1234567890-qwertyuiop';
  const text = encode(secret);
  const redacted = redactText(`before ${text} after`, [secret]);
  for (let at = 0; at + 16 <= text.length; at += 1)
    expect(redacted).not.toContain(text.slice(at, at + 16));
  expect(redacted).toMatch(/^before .*\(redacted\).* after$/u);
});

test("each half of a value split over two texts is still recognised", () => {
  for (const half of [SECRET.slice(0, 20), SECRET.slice(20)])
    expect(redactText(half, [SECRET])).not.toContain(half.slice(0, 16));
});

test.for([
  `ghp_${"a1B2".repeat(9)}`,
  `ghs_12345_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.${"aB3_".repeat(8)}`,
  `github_pat_${"A1b2_".repeat(10)}`,
  `sk-ant-oat01-${"aB3-".repeat(10)}`,
  `sk-proj-${"aB3_".repeat(10)}`,
  `AIza${"aB3_-".repeat(7)}`,
  "AKIAIOSFODNN7EXAMPLE",
  `npm_${"aB3d".repeat(9)}`,
  `glpat-${"aB3-".repeat(5)}`,
  `xoxb-${"1234-".repeat(4)}`,
  `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${"aB3_".repeat(6)}`,
  "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
])("a credential nobody told us about is known by its shape: %s", (credential) => {
  const redacted = redactText(`it is ${credential}, yes`, []);
  expect(redacted).toMatch(/^it is .*\(redacted\)/u);
  expect(redacted).not.toContain(credential.slice(8));
});

test("only the secret of an address or a header goes", () => {
  expect(redactText("postgres://app:hunter2secret@db:5432/x", [])).toBe(
    "postgres://app:(redacted)@db:5432/x",
  );
  expect(redactText(`Authorization: Bearer ${"a1".repeat(20)}`, [])).toBe(
    "Authorization: Bearer (redacted)",
  );
});

test("ordinary text is left alone", () => {
  const text =
    "The token bucket refills at 10/s; see src/limits/token-bucket.ts and commit 3f2a9c81d0. ---------------- ok";
  const pem = `-----BEGIN RSA PRIVATE KEY-----\n${"MIIEowIBAAKCAQEA".repeat(10)}\n-----END RSA PRIVATE KEY-----\n`;
  expect(redactText(text, [SECRET, pem])).toBe(text);
});

test("no text takes long", () => {
  for (const unit of [
    "-----BEGIN A PRIVATE KEY-----",
    "eyJaaaaaaaa.",
    "ghs_",
    "a://b:",
    "bearer ",
    "sk-",
    "\\",
  ]) {
    const text = unit.repeat(Math.ceil(100_000 / unit.length));
    const work = (size: number): void => {
      const part = text.slice(0, size);
      redactText(part, [SECRET]);
      openRedactor(() => [SECRET, "\\\\\\\\\\\\\\\\n"]).line(Buffer.from(part));
    };
    expect(growth(work, 25_000), unit).toBeLessThan(LINEAR);
  }
});

test("a private key is hidden line by line, and without its line breaks", () => {
  const body = ["MIIEpAIBAAKCAQEA7bq0Z1v9x8w7", "Qk3R5t6y7u8i9o0pAsDfGhJkLzXc", "VbNm1234567890=="];
  const pem = [
    "-----BEGIN RSA PRIVATE KEY-----",
    ...body,
    "-----END RSA PRIVATE KEY-----",
    "",
  ].join("\n");
  expect(line([pem], `key: ${body[1]}`)).toBe(`key: ${"*".repeat(28)}`);
  expect(line([pem], body.slice(0, 2).join(""))).toBe("*".repeat(56));
  expect(line([pem], "-----BEGIN RSA PRIVATE KEY-----")).toBe("-----BEGIN RSA PRIVATE KEY-----");
});
