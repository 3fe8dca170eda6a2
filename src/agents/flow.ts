/** Text that comes in many small pieces, shown by lines. Pure. */
import type { Finding } from "./driver.ts";

export interface Flow {
  readonly kind: "text" | "thinking";
  /** What has no newline yet. */
  readonly rest: string;
}

export const NO_FLOW: Flow = { kind: "text", rest: "" };

/** A piece without a newline is shown when it is this long, in characters. */
const PIECE_MAX = 2_000;

/** One more piece: whole lines are shown now. */
export function flowOn(
  flow: Flow,
  kind: Flow["kind"],
  piece: string,
): { readonly flow: Flow; readonly findings: readonly Finding[] } {
  const before = flow.kind === kind ? [] : flowOut(flow);
  const all = flow.kind === kind ? flow.rest + piece : piece;
  const end = all.length > PIECE_MAX ? all.length : all.lastIndexOf("\n") + 1;
  const shown = show(kind, all.slice(0, end));
  return { flow: { kind, rest: all.slice(end) }, findings: [...before, ...shown] };
}

/** Something else comes: the rest is shown. */
export const flowOut = ({ kind, rest }: Flow): readonly Finding[] => show(kind, rest);

const show = (kind: Flow["kind"], text: string): readonly Finding[] =>
  text.trim() === "" ? [] : [{ kind, text: text.trimEnd() }];
