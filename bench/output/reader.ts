/** The other end of a plain pipe: splits lines, and parses each when asked to. Prints how many there were. */
import process from "node:process";

const parse = process.argv[2] === "parse";
let rest: Buffer = Buffer.alloc(0);
let lines = 0;
for await (const chunk of process.stdin) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no encoding was set
  const whole = rest.byteLength === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
  let begin = 0;
  for (let end = whole.indexOf(0x0a); end !== -1; end = whole.indexOf(0x0a, begin)) {
    if (parse) JSON.parse(whole.toString("utf8", begin, end));
    lines += 1;
    begin = end + 1;
  }
  rest = whole.subarray(begin);
}
process.stdout.write(`${lines}\n`);
