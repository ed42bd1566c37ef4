/**
 * How configuration problems reach the user of a command. Loads the configuration's code only if there is an error to
 * explain.
 */
import { stripVTControlCharacters, styleText } from "node:util";
import type { Problem } from "../config/problem.ts";
import { CommandFailure } from "./failure.ts";

/**
 * What `error` means to the user of the command: a `CommandFailure` with all problems if the configuration is wrong,
 * else `error` itself.
 */
export async function toCommandFailure(error: unknown): Promise<unknown> {
  const { ConfigError, formatProblems } = await import("../config/problem.ts");
  if (!(error instanceof ConfigError)) return error;
  const count = error.problems.length;
  const file = error.problems[0]?.file ?? null;
  const tail = `${count === 1 ? "1 problem" : `${count} problems`}${file === null ? "" : ` in ${file}`}.`;
  return new CommandFailure(`${formatProblems(error.problems, { color: hasColor() })}\n\n${tail}`);
}

/**
 * Problems of a configuration that came from flags, told by flag instead of by path; wrong usage.
 * @param listenFlag the flag that the listener's address came from
 */
export async function toUsageFailure(
  error: unknown,
  command: "proxy" | "demo",
  listenFlag: "--listen" | "--port" = "--listen",
): Promise<unknown> {
  const { ConfigError, formatPath, formatProblems } = await import("../config/problem.ts");
  const { flagOfPath } = await import("./flag-config.ts");
  if (!(error instanceof ConfigError)) return error;
  const named = error.problems.map((problem): Problem => {
    const path = formatPath(problem.path);
    const flag = flagOfPath.find(([pattern]) => pattern.test(path))?.[1];
    return flag === undefined
      ? problem
      : { ...problem, path: [], message: `${flag === "--listen" ? listenFlag : flag}: ${problem.message}` };
  });
  return new CommandFailure(
    `${formatProblems(named, { color: hasColor() })}\n(\`millrace ${command} --help\` lists the options)`,
    2,
  );
}

/** May standard error be coloured? Honours NO_COLOR and FORCE_COLOR. */
function hasColor(): boolean {
  const probe = styleText("red", "x", { stream: process.stderr });
  return probe !== stripVTControlCharacters(probe);
}
