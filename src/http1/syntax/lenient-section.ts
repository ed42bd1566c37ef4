/**
 * For upstreams that are `lenient`: a head or trailer section of an endpoint's answer, written as it should have been.
 * Then it is read as strictly as any other, so that leniency lives here alone.
 *
 * Repaired are line feeds alone as line ends (RFC 9112 section 2.2), folded lines (section 5.2) and control characters
 * in values and reason phrases (RFC 9110 section 5.5); the latter two become spaces. Never in a field that frames a
 * message or speaks of the connection; and a CR within a line, or a NUL, is never repaired.
 */
import { trimOws } from "../../http/field-text.ts";
import { CR, LF } from "../../http/syntax/characters.ts";

const framing = /^(?:content-length|transfer-encoding|connection|upgrade):/i;
const controls = /[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]/g;
const statusLength = "HTTP/1.1 200".length;

/**
 * Where a section ends that has its first byte before `from`: behind the empty line; -1 if there is none at or
 * behind `from`.
 */
export function findSectionEnd(bytes: Buffer, from: number, end: number): number {
  for (let at = bytes.indexOf(LF, from); at !== -1 && at + 1 < end; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && at + 2 < end && bytes[at + 2] === LF) return at + 3;
  }
  return -1;
}

/**
 * The section `text`, its empty line included, in strict form; null if it cannot be repaired. @param hasStatusLine
 * it is a head
 */
export function repairSection(text: string, hasStatusLine: boolean): string | null {
  const lines: string[] = [];
  // Asked of each line once: a line that grows by folds must not be looked at again for each of them.
  let isLastFraming = false;
  for (const received of text.split("\n").slice(0, -1)) {
    const line = received.endsWith("\r") ? received.slice(0, -1) : received;
    if (line.includes("\r") || line.includes("\0")) return null;
    const last = lines.length - 1;
    if (hasStatusLine && last === -1) lines.push(repairBehind(line, statusLength));
    else if (/^[ \t]/.test(line)) {
      if (last < (hasStatusLine ? 1 : 0) || isLastFraming) return null;
      lines[last] += ` ${trimOws(line.replace(controls, " "))}`;
    } else {
      isLastFraming = framing.test(line);
      lines.push(isLastFraming ? line : repairBehind(line, line.indexOf(":") + 1));
    }
  }
  return lines.map((line) => `${line}\r\n`).join("");
}

/** A control character before `at`, in a name for one, stays and is refused. */
function repairBehind(line: string, at: number): string {
  return line.slice(0, at) + line.slice(at).replace(controls, " ");
}
