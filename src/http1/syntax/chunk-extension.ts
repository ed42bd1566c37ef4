/**
 * Chunk extensions (RFC 9112 section 7.1.1), read a byte at a time by a table; nothing is kept of them.
 *
 * `chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`. Bad white space (BWS) is SP and HTAB
 * and must be read (RFC 9110 section 5.6.3). White space at the end of the line is not in the grammar: `isBehindGap`.
 */
import { HTAB, SP, tokenTable } from "../../http/syntax/characters.ts";

/** Where a reader of extensions is. */
export const ExtensionState = {
  /** The line cannot be read. */
  broken: 0,
  /** White space stood behind the size, a name or a value. */
  gap: 1,
  /** Behind `;`. */
  nameStart: 2,
  name: 3,
  /** White space stood behind a name. */
  nameGap: 4,
  /** Behind `=`. */
  valueStart: 5,
  value: 6,
  quoted: 7,
  /** Behind a backslash in a quoted value. */
  escape: 8,
  /** Behind the closing quote. */
  unquoted: 9,
} as const;
export type ExtensionState = (typeof ExtensionState)[keyof typeof ExtensionState];

const table = buildTable();

/** The state behind `byte`; `broken` if it cannot stand there. `byte` is not the CR or LF that ends the line. */
export function nextExtensionState(state: ExtensionState, byte: number): ExtensionState {
  return table[state * 256 + byte] as ExtensionState;
}

/** The line may end here by the grammar. */
export function mayEndExtensions(state: ExtensionState): boolean {
  return state === ExtensionState.name || state === ExtensionState.value || state === ExtensionState.unquoted;
}

/** The line ends in white space that the grammar does not know. */
export function isBehindGap(state: ExtensionState): boolean {
  return state === ExtensionState.gap || state === ExtensionState.nameGap;
}

function buildTable(): Uint8Array {
  const S = ExtensionState;
  const built = new Uint8Array(256 * 10);
  for (let byte = 0; byte < 256; byte++) {
    const isWhite = byte === SP || byte === HTAB;
    const isToken = tokenTable[byte] !== 0;
    const isText = byte === HTAB || (byte >= 0x20 && byte !== 0x7f);
    const isSemicolon = byte === 0x3b;
    const isEquals = byte === 0x3d;
    const behindWord = isSemicolon ? S.nameStart : S.broken;
    built[S.gap * 256 + byte] = isWhite ? S.gap : behindWord;
    built[S.nameStart * 256 + byte] = isWhite ? S.nameStart : isToken ? S.name : S.broken;
    built[S.name * 256 + byte] = isToken ? S.name : isWhite ? S.nameGap : isEquals ? S.valueStart : behindWord;
    built[S.nameGap * 256 + byte] = isWhite ? S.nameGap : isEquals ? S.valueStart : behindWord;
    built[S.valueStart * 256 + byte] = isWhite ? S.valueStart : byte === 0x22 ? S.quoted : isToken ? S.value : S.broken;
    built[S.value * 256 + byte] = isToken ? S.value : isWhite ? S.gap : behindWord;
    built[S.quoted * 256 + byte] = byte === 0x22 ? S.unquoted : byte === 0x5c ? S.escape : isText ? S.quoted : S.broken;
    built[S.escape * 256 + byte] = isText ? S.quoted : S.broken;
    built[S.unquoted * 256 + byte] = isWhite ? S.gap : behindWord;
  }
  return built;
}
