/** HTML that cannot be forgotten to escape: everything put into a template is text unless it is Markup already. */

export interface Markup {
  readonly markup: string;
}

type Piece = Markup | string | number | undefined | false | readonly Piece[];

/** Builds markup; strings and numbers are escaped, `undefined` and `false` vanish, lists are joined. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  let markup = strings[0] ?? "";
  for (const [index, piece] of pieces.entries()) {
    markup += `${textOf(piece)}${strings[index + 1] ?? ""}`;
  }
  return { markup };
}

/** Marks text that was made by our own code as markup. */
export function trusted(markup: string): Markup {
  return { markup };
}

export function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

function textOf(piece: Piece): string {
  if (piece === undefined || piece === false) return "";
  if (typeof piece === "string" || typeof piece === "number") return escape(String(piece));
  if ("markup" in piece) return piece.markup;
  return piece.map(textOf).join("");
}
