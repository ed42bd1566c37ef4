/**
 * What commands print for their callers. A command waits for a slow reader (`schema | less`), since what it prints is
 * what it is for; a reader that went away or a full disk ends it in good order. Whatever serves writes through
 * `observe/standard-output.ts` instead, which never waits.
 */

/** Prints lines on standard output. */
export function print(text: string): void {
  writeTo("stdout", text);
}

/** Prints lines on standard error. */
export function printError(text: string): void {
  writeTo("stderr", text);
}

function writeTo(name: "stdout" | "stderr", text: string): void {
  try {
    process[name].write(`${text}\n`);
  } catch {
    // A terminal that has been closed cannot even be opened.
  }
}

/**
 * From now on, an output that cannot be written does not end the command with a stack trace. If standard output fails
 * for another reason than that its reader is gone, the command fails.
 */
export function hearOutputErrors(): void {
  hear("stdout", (error) => {
    if (error.code === "EPIPE" || error.code === "EIO") return;
    process.exitCode = 1;
    printError(
      `Cannot write to standard output: ${error.code === "ENOSPC" ? "no space is left on the device" : error.message}.`,
    );
  });
  hear("stderr", () => {});
}

function hear(name: "stdout" | "stderr", onError: (error: NodeJS.ErrnoException) => void): void {
  try {
    process[name].on("error", onError);
  } catch {
    // As in `writeTo`.
  }
}
