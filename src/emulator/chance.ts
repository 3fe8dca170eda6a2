/** Everything random in the emulator: ids of requests and deliveries, tokens. Real by default, seeded when asked for. */
import { randomBytes } from "node:crypto";

export interface Chance {
  bytes(count: number): Buffer;
  /** Letters and digits. */
  text(length: number): string;
  /** A version 4 UUID. */
  uuid(): string;
}

/** `random`: 0 ≤ x < 1; without it, the system's. Seeded chance is for repeatable runs, never for secrets. */
export function openChance(random: (() => number) | undefined): Chance {
  const bytes =
    random === undefined
      ? (count: number): Buffer => randomBytes(count)
      : (count: number): Buffer => seededBytes(random, count);
  return {
    bytes,
    text(length) {
      const drawn = bytes(length);
      let text = "";
      for (let index = 0; index < length; index += 1) text += alphabet[(drawn[index] ?? 0) % 62];
      return text;
    },
    uuid() {
      const hex = bytes(16).toString("hex");
      const variant = "89ab"[Number.parseInt(hex.charAt(16), 16) % 4];
      const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`];
      return [...parts, `${variant}${hex.slice(17, 20)}`, hex.slice(20)].join("-");
    },
  };
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Four bytes of every draw. */
function seededBytes(random: () => number, count: number): Buffer {
  const words = Uint32Array.from({ length: Math.ceil(count / 4) }, () => random() * 2 ** 32);
  return Buffer.from(words.buffer, 0, count);
}
