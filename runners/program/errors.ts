/** The two ways the daemon says no: to a request, and to preparing an attempt. Anything else thrown is a bug. */
import type { ErrorCode } from "../../src/protocol/requests.ts";

/** Answered as `{ ok: false, code, reason, epoch? }`. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly code: ErrorCode;
  /** With `fenced`: the epoch that is obeyed. */
  readonly epoch: number | undefined;
  constructor(
    code: ErrorCode,
    reason: string,
    options: ErrorOptions & { readonly epoch?: number } = {},
  ) {
    super(reason, options);
    this.code = code;
    this.epoch = options.epoch;
  }
}

export type PrepareStage = "workspace" | "fetch" | "checkout" | "setup" | "spawn";

/** Journaled as `prepare-failed`. `retry` = the cause may pass by itself. */
export class PrepareError extends Error {
  override readonly name = "PrepareError";
  readonly stage: PrepareStage;
  readonly retry: boolean;
  /** Git says that a repository on this machine is broken: what may be made anew is worth making anew. */
  readonly damage: boolean;
  constructor(
    stage: PrepareStage,
    reason: string,
    retry: boolean,
    options: ErrorOptions & { readonly damage?: boolean } = {},
  ) {
    super(reason, options);
    this.stage = stage;
    this.retry = retry;
    this.damage = options.damage ?? false;
  }
}

/** `ENOENT` and the like; undefined for errors that do not come from the operating system. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** One line a person can act on, for any error of the file system. */
export function explainDisk(error: unknown, path: string): string {
  const code = systemCode(error);
  if (code === "ENOSPC" || code === "EDQUOT")
    return `the disk of the runner is full at ${path}: free some space there`;
  if (code === "EROFS" || code === "EACCES" || code === "EPERM")
    return `the runner cannot write ${path} (${code}): make it writable for the runner's user`;
  return error instanceof Error ? error.message : String(error);
}

/** Full disks get better; a read-only work root needs a person, but trying again later is right for both. */
export function isDiskTrouble(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO"].includes(systemCode(error) ?? "");
}
