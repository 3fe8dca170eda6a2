/** Text by somebody else for a terminal: no escape sequence, no character that hides or turns others around. */
export const harmless = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, " ");
