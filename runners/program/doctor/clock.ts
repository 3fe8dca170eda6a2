/** The runner's clock against the control plane's. A wrong one breaks TLS and tokens, and makes logs useless. */
import { type Named, bad, good } from "./check.ts";

/** The way of the request is part of what is measured, so less than some seconds means nothing. */
const WARN_MS = 30_000;
const FAIL_MS = 5 * 60_000;

export const clockCheck = (ours: number, theirs: number): Named => ({
  name: "clock",
  required: true,
  find() {
    const ms = ours - theirs;
    const size = Math.abs(ms);
    if (size <= WARN_MS) return good(`${seconds(size)} apart from the control plane`);
    const found = `${seconds(size)} ${ms > 0 ? "ahead of" : "behind"} the control plane`;
    const fix = "set the clock and keep it set, for example with `timedatectl set-ntp true`";
    return { ...bad(found, fix), required: size > FAIL_MS };
  },
});

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
