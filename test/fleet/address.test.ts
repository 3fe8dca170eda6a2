/** Addresses of machines as people write them; what could be an option, a path or a command is none. */
import { expect, test } from "vitest";
import { parsePlace, placeText } from "../../src/fleet/ssh/address.ts";

test.for([
  ["ssh://ann@box.example", { user: "ann", host: "box.example", port: 22 }, "ann@box.example"],
  ["ssh://ann@10.0.0.7:2222/", { user: "ann", host: "10.0.0.7", port: 2222 }, "ann@10.0.0.7:2222"],
  ["build-bot@box", { user: "build-bot", host: "box", port: 22 }, "build-bot@box"],
  ["ssh://ann@[fe80::1]:99", { user: "ann", host: "fe80::1", port: 99 }, "ann@[fe80::1]:99"],
] as const)("%s is a place", ([text, place, shown]) => {
  expect(parsePlace(text)).toEqual({ ok: true, place });
  expect(placeText(place)).toBe(shown);
});

test.for([
  ["ssh://ann@-oProxyCommand=id", "no host"],
  ["ssh://-l@box", "no user"],
  ["ssh://ann@", "no host"],
  ["ssh://ann@box/../etc", "no host"],
  ["ssh://ann@box;id", "no host"],
  ["ssh://a b@box", "no user"],
  ["ssh://ann:secret@box", "no ssh://"],
  ["ssh://ann@box:0", "no port"],
  ["ssh://ann@box:65536", "no port"],
  ["ssh://ann@box:22x", "no port"],
  ["ssh://@box", "no user"],
  ["ssh://box", "no user"],
  ["https://box", "no ssh://"],
  ["", "no host"],
] as const)("%s is none", ([text, why]) => {
  const parsed = parsePlace(text);
  expect(parsed).toMatchObject({ ok: false, reason: expect.stringContaining(why) });
});
