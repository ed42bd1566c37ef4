/** Asks a program for its version. */
import { spawnSync } from "node:child_process";

/** First group of `pattern` in what the command prints; null if there is no such command or no match. */
export async function commandOutput(
  path: string | null,
  args: readonly string[],
  pattern: RegExp,
): Promise<string | null> {
  if (path === null) return null;
  const result = spawnSync(path, args, { encoding: "utf8" });
  return pattern.exec(`${result.stdout}${result.stderr}`)?.[1] ?? null;
}
