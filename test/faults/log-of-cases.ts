/** Which access-log lines belong to which client: they are told apart by the client's port. */
import assert from "node:assert/strict";
import type { LogLine } from "../support/proxy-under-test.ts";

/** The clients' ports and how many lines each must have written. */
export class LogOfCases {
  readonly #cases = new Map<number, { name: string; least: number; most: number }>();

  expect(port: number, name: string, least: number, most = least): void {
    this.#cases.set(port, { name, least, most });
  }

  /** @param lines the whole log */
  assertMatches(lines: readonly LogLine[]): void {
    const counts = new Map<number, number>();
    for (const line of lines) {
      const port = Number(/(\d+)$/.exec(String(line["peer"]))?.[1]);
      counts.set(port, (counts.get(port) ?? 0) + 1);
    }
    const wrong: string[] = [];
    for (const [port, { name, least, most }] of this.#cases) {
      const count = counts.get(port) ?? 0;
      if (count < least || count > most)
        wrong.push(`${name}: ${count} lines, expected ${least === most ? least : `${least} to ${most}`}`);
    }
    assert.deepEqual(wrong, [], "every request has exactly one line in the access log");
  }
}
