/**
 * A webhook as it stands in a file: one line `guid name receivedAt bytes checksum`, then the body. A write that was cut
 * short by a crash ends the file; nobody was told that it was stored.
 */
import { crc32 } from "node:zlib";
import type { Delivery } from "../inbox/port.ts";

/** Head and body, the checksum over both; null = its names cannot stand in a head. */
export function arrivalBytes({
  guid,
  name,
  body,
  receivedAt,
}: Delivery): readonly [Buffer, Buffer] | null {
  if (!WORD.test(guid) || !WORD.test(name)) return null;
  const bytes = Buffer.from(body);
  // A clock that drifts with its machine has fractions.
  const head = `${guid} ${name} ${Math.round(receivedAt)} ${bytes.length}`;
  return [Buffer.from(`${head} ${crc32(bytes, crc32(head))}\n`), bytes];
}

const WORD = /^\S{1,64}$/u;
const HEAD =
  /^(?<of>(?<guid>\S{1,64}) (?<name>\S{1,64}) (?<at>-?\d{1,16}) (?<bytes>\d{1,9})) (?<sum>\d{1,10})$/u;
const HEAD_BYTES_MAX = 200;
const NEWLINE = 10;

/** Everything that is whole, from the beginning on. */
export function readArrivals(file: Uint8Array): readonly Delivery[] {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const deliveries: Delivery[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.subarray(at, at + HEAD_BYTES_MAX).indexOf(NEWLINE);
    const head = end === -1 ? undefined : HEAD.exec(bytes.toString("latin1", at, at + end))?.groups;
    if (head === undefined) break;
    const from = at + end + 1;
    const body = bytes.subarray(from, from + Number(head["bytes"]));
    const sum = crc32(body, crc32(head["of"] ?? ""));
    if (body.length !== Number(head["bytes"]) || sum !== Number(head["sum"])) break;
    deliveries.push({
      guid: head["guid"] ?? "",
      name: head["name"] ?? "",
      body: body.toString("utf8"),
      receivedAt: Number(head["at"]),
    });
    at = from + body.length;
  }
  return deliveries;
}
