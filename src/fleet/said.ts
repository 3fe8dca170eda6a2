/** What a program or another machine said, fit for one line of ours: its last lines, without control characters and stacks. */
export function saidBy(text: unknown): string {
  if (typeof text !== "string") return "";
  return text
    .split("\n")
    .map((line) => line.replaceAll(/\p{C}+/gu, " ").trim())
    .filter((line) => line !== "" && !line.startsWith("at "))
    .slice(-8)
    .join(" / ")
    .slice(-1000);
}
