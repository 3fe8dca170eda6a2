/** The command line: parses argv, calls one file per command, turns failures into one line and an exit code. */
import process from "node:process";
import { program } from "./cli/program.ts";
import { CliError } from "./cli/output.ts";

try {
  await program().parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof Error)) throw error;
  process.stderr.write(`orcha: ${error.message}\n`);
  if (!(error instanceof CliError) && process.env["ORCHA_DEBUG"] !== undefined)
    process.stderr.write(`${error.stack ?? ""}\n`);
  process.exitCode = error instanceof CliError ? error.exitCode : 1;
}
