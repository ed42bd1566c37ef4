/**
 * The outputs that the process inherited, as logs write to them: one writer for each file, pipe, terminal or socket,
 * even if two descriptors lead there (`> file 2>&1`), so that lines stay whole. Made when they are first needed;
 * they live as long as the process.
 */
import { fstatSync } from "node:fs";
import { takeInherited } from "./log-destination.ts";
import { type LogAccount, LogWriter } from "./log-writer.ts";

const byDescriptor = new Map<number, LogWriter>();
const byFile = new Map<string, LogWriter>();
/** What the application log has lost. */
const applicationAccount: LogAccount = { lost: 0 };

/** The writer of the inherited descriptor `fd`. @throws the system's error if a log cannot be written to it */
export function inheritedOutput(fd: number): LogWriter {
  let writer = byDescriptor.get(fd);
  if (writer === undefined) {
    const { dev, ino } = fstatSync(fd);
    const file = `${dev}:${ino}`;
    writer = byFile.get(file);
    if (writer === undefined) {
      writer = new LogWriter({ path: null, descriptor: takeInherited(fd) });
      byFile.set(file, writer);
      process.once("exit", () => byFile.get(file)!.flushNow());
    }
    byDescriptor.set(fd, writer);
  }
  return writer;
}

/**
 * Writes lines of the application log to standard error. Never throws and never waits; what cannot be written is
 * counted.
 */
export function writeStandardError(lines: string): void {
  try {
    inheritedOutput(2).write(lines, 1, applicationAccount);
  } catch {
    applicationAccount.lost++;
  }
}

/** How many lines of the application log this process has lost. */
export function lostApplicationLines(): number {
  return applicationAccount.lost;
}
