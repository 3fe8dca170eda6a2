/**
 * Who this installation is: made once, kept in the database and so in its backup. The secret makes ids, keys
 * and the marks in our comments; the epoch grows with every start, so that runners obey the newest.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { Db } from "./database.ts";

export interface Identity {
  readonly installation: string;
  /** 32 random bytes. */
  readonly secret: Uint8Array;
  /** One more than at the last start. */
  readonly epoch: number;
}

/** As it was at the last start; nothing is written. */
export function peek({ build, get }: Db): {
  readonly installation: string;
  readonly epoch: number;
} {
  const read = (key: string): string | undefined =>
    get(build.selectFrom("meta").select("value").where("key", "=", key))?.value;
  return { installation: read("installation") ?? "none", epoch: Number(read("epoch") ?? "0") };
}

export function readIdentity({ build, get, run, transaction }: Db): Identity {
  const read = (key: string): string | undefined =>
    get(build.selectFrom("meta").select("value").where("key", "=", key))?.value;
  const write = (key: string, value: string): string => {
    run(
      build
        .insertInto("meta")
        .values({ key, value })
        .onConflict((conflict) => conflict.column("key").doUpdateSet({ value })),
    );
    return value;
  };
  return transaction(() => {
    const installation = read("installation") ?? write("installation", randomUUID());
    const secret = read("secret") ?? write("secret", randomBytes(32).toString("hex"));
    const epoch = Number(read("epoch") ?? "0") + 1;
    write("epoch", String(epoch));
    return { installation, secret: Buffer.from(secret, "hex"), epoch };
  });
}
