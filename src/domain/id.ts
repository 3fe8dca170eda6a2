/**
 * Branded ids: a `SessionId` cannot be passed where an `ObjectiveId` is wanted.
 * Ids are derived, not drawn (decision 10): hash(objective, cause, ordinal), so processing the same
 * inbox item again after a restored backup makes the same ids.
 */
// oxlint-disable typescript/no-unsafe-type-assertion -- the one file that may brand
declare const brand: unique symbol;
type Branded<Kind extends string> = string & { readonly [brand]: Kind };

export type ObjectiveId = Branded<"objective">;
export type SessionId = Branded<"session">;
export type QuestionId = Branded<"question">;

export const objectiveId = (raw: string): ObjectiveId => raw as ObjectiveId;
export const sessionId = (raw: string): SessionId => raw as SessionId;
export const questionId = (raw: string): QuestionId => raw as QuestionId;

/** Makes ids and keys for one step: same step, same name, same id. Adapters back it with an HMAC. */
export type Derive = (name: string) => string;
