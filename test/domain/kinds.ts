/** What plays need besides the rules: effects by kind, and ids that are the same in every run. */
import { createHash } from "node:crypto";
import type { Effect } from "../../src/domain/effect.ts";
import type { Permission } from "../../src/domain/people.ts";
import type { Emitted } from "../../src/domain/step.ts";

type Kind = Effect["kind"];
type Of<K extends Kind> = Extract<Effect, { kind: K }>;

export const ofKind = <K extends Kind>(emitted: readonly Emitted[], kind: K): readonly Of<K>[] =>
  emitted.flatMap(({ effect }) => (isKind(effect, kind) ? [effect] : []));

const isKind = <K extends Kind>(effect: Effect, kind: K): effect is Of<K> => effect.kind === kind;

export const deriveFixed = (name: string): string => hash(`fixed|${name}`);

export const hash = (text: string): string => createHash("sha256").update(text).digest("hex");

export const newIssue = () => ({
  id: 900,
  title: "Limit requests",
  body: "All of them.",
  open: true,
  labels: new Array<string>(),
});

export const permissions = (): Map<string, Permission> =>
  new Map([
    ["ann", "write"],
    ["bob", "admin"],
    ["mallory", "read"],
  ]);

export const urlOf = (number: number): string => `https://github.test/acme/shop/issues/${number}`;

export const none = (what: string): never => {
  throw new Error(`there is no ${what}`);
};

export type Failure = {
  readonly reason: string;
  readonly retry: boolean;
  readonly login?: true;
};
