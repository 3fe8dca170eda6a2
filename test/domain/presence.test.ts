import { expect, test } from "vitest";
import { ATTACHED, presenceAfter, type Presence } from "../../src/domain/presence.ts";

const limits = { unreachableMs: 30_000, lostMs: 600_000 };
const after = (before: Presence, forMs: number): Presence =>
  presenceAfter(before, { forMs, since: 7 }, limits);

test.for([
  [29_999, "attached"],
  [30_000, "unreachable"],
  [599_999, "unreachable"],
  [600_000, "lost"],
] as const)("silent for %i ms it is %s", ([forMs, reach]) => {
  expect(after(ATTACHED, forMs).reach).toBe(reach);
});

test("since when is when its link went, also when it is lost later", () => {
  const unreachable = after(ATTACHED, 30_000);
  expect(unreachable).toEqual({ reach: "unreachable", since: 7 });
  expect(presenceAfter(unreachable, { forMs: 600_000, since: 99 }, limits)).toEqual({
    reach: "lost",
    since: 7,
  });
});

test("what was said of it stays said until it answers", () => {
  const lost: Presence = { reach: "lost", since: 3 };
  expect(after(lost, 1)).toBe(lost);
  expect(presenceAfter(lost, null, limits)).toBe(ATTACHED);
  expect(presenceAfter(ATTACHED, null, limits)).toBe(ATTACHED);
});
