/**
 * Questions to people: asked as a new comment, answered by a plain reply, delivered once.
 *
 *     open ──answered──▶ answered (delivery: call | message → delivered)
 *       └──canceled────▶ canceled
 *
 * With several open the answer names its question by number or quote; otherwise we ask once which one
 * was meant. Never guessed.
 */
import type { Question } from "./objective.ts";

export type Match =
  | { readonly kind: "answer"; readonly question: Question; readonly text: string }
  /** Several are open and the text names none of them. */
  | { readonly kind: "ambiguous" }
  | { readonly kind: "none" };

/** Shortest quoted text that names a question: shorter ones occur by chance. */
const QUOTE_LENGTH_MIN = 8;

/** Which of the open questions a comment answers, and the answer itself. */
export function matchAnswer(open: readonly Question[], comment: string): Match {
  const which = open.find(({ about }) => about.kind === "which-question");
  const asked = open.filter(({ about }) => about.kind !== "which-question");
  if (which !== undefined && /^\W*\d+\W*$/u.test(comment)) {
    const chosen = asked.find(({ number }) => number === Number(comment.replaceAll(/\D/gu, "")));
    if (chosen !== undefined)
      return { kind: "answer", question: which, text: String(chosen.number) };
  }
  const named = byNumber(asked, comment) ?? byQuote(asked, comment);
  if (named !== undefined) return named;
  const [only, ...others] = asked;
  if (only === undefined) return { kind: "none" };
  if (others.length > 0) return { kind: "ambiguous" };
  return { kind: "answer", question: only, text: optionOf(only, comment.trim()) };
}

/** "2: Redis", "Q2. Redis", "question 2 - Redis". With one open question a bare "2." is more likely one of its options. */
function byNumber(asked: readonly Question[], comment: string): Match | undefined {
  const match =
    /^\s*(?:#|q(?:uestion)?\s*)?(?<number>\d{1,4})\s*[:.)\-–—]\s*(?<text>\S[\s\S]*)$/iu.exec(
      comment,
    );
  if (match?.groups === undefined) return undefined;
  const { number, text = "" } = match.groups;
  const question = asked.find((candidate) => candidate.number === Number(number));
  return question && { kind: "answer", question, text: optionOf(question, text.trim()) };
}

/** A reply that quotes one question, as GitHub's "Quote reply" makes it. */
function byQuote(asked: readonly Question[], comment: string): Match | undefined {
  const lines = comment.split("\n");
  const quote = plain(lines.filter((line) => line.startsWith(">")).join(" "));
  if (quote.length < QUOTE_LENGTH_MIN) return undefined;
  const quotedOnes = asked.filter((candidate) => {
    const text = plain(candidate.text);
    return quote.includes(text) || text.includes(quote);
  });
  const [question, ...others] = quotedOnes;
  if (question === undefined || others.length > 0) return undefined;
  const text = lines
    .filter((line) => !line.startsWith(">"))
    .join("\n")
    .trim();
  return { kind: "answer", question, text: optionOf(question, text) };
}

/** Words only: lower case, without punctuation. */
export const plain = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, " ")
    .trim();

/** "2" → "2. Redis" when the question has such an option. */
function optionOf(question: Question, text: string): string {
  const option = /^\d{1,2}$/u.test(text) ? question.options[Number(text) - 1] : undefined;
  return option ?? text;
}
