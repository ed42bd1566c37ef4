/** The token that a pod shows to the API server. It is renewed in its file, about hourly; an old one stops working. */
import { readFile } from "node:fs/promises";
import type { Clock } from "../../../base/clock.ts";

/** How long what was read is used. */
const maxAgeMs = 60_000;
const maxTokenChars = 65_536;

/** A file with a token, read again every minute, and when the server has refused what it held. */
export class TokenFile {
  readonly #path: string;
  readonly #clock: Clock;
  #token = "";
  #readMs = -Infinity;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /**
   * The token. If the file cannot be read now, what it held before is used on.
   * @throws Error with a sentence that does not hold the token
   */
  async read(): Promise<string> {
    const nowMs = this.#clock.now();
    if (nowMs - this.#readMs < maxAgeMs) return this.#token;
    try {
      this.#token = readToken(this.#path, await readFile(this.#path, "utf8"));
      this.#readMs = nowMs;
    } catch (error) {
      if (this.#token === "") throw error;
    }
    return this.#token;
  }

  /** The server has refused the token: the file is read again for the next question. */
  expire(): void {
    this.#readMs = -Infinity;
  }
}

function readToken(path: string, text: string): string {
  const token = text.trim();
  if (token === "" || token.length > maxTokenChars || !/^[\x21-\x7e]+$/.test(token))
    throw new Error(`${path} does not hold a token`);
  return token;
}
