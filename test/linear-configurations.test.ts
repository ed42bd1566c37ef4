/**
 * Reading a configuration is work in proportion to its size, whatever grows in it and whether it is valid. Steps are
 * counted, as in `linear-readers.test.ts`; apart from that, since every count walks all code that is loaded, and this
 * loads much.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StepCounter } from "./support/step-counter.ts";

// Before the code is loaded.
const counter = new StepCounter(new URL("../src/", import.meta.url).href);

const { readPlainYaml } = await import("../src/yaml/plain-yaml.ts");
const { environmentReader } = await import("../src/config/environment.ts");
const { parseConfigText } = await import("../src/config/parse-config-text.ts");

/** Twice the steps for twice the number; four times would be a square. */
const mostGrowth = 2.7;

/** Configurations that grow, valid and not. */
const configurations: readonly (readonly [name: string, write: (count: number) => string])[] = [
  ["unknown keys", (count) => numbered(count, (at) => `key${at}: 1\n`)],
  ["keys that are there twice", (count) => "key: 1\n".repeat(count)],
  ["wrong entries of a list", (count) => `listeners:\n${"- x\n".repeat(count)}`],
  ["upstreams that lack everything", (count) => `upstreams:\n${numbered(count, (at) => `  u${at}: {}\n`)}`],
  [
    "routes to upstreams that are not there",
    (count) => `listeners: [{ address: ":1" }]\nroutes:\n${numbered(count, (at) => `- upstream: u${at}\n`)}`,
  ],
  [
    "aliases of one anchor",
    (count) =>
      `listeners: [{ address: ":1" }]\nroutes:\n- match: &m { path: /a }\n  respond: {}\n${"- { match: *m, respond: {} }\n".repeat(count)}`,
  ],
  [
    "aliases of many anchors",
    (count) =>
      `x-a:\n${numbered(count, (at) => `- &a${at} { body: x }\n`)}listeners: [{ address: ":1" }]\nroutes:\n${numbered(count, (at) => `- respond: *a${at}\n`)}`,
  ],
  [
    "numbers from the environment",
    (count) =>
      `listeners: [{ address: ":1" }]\nroutes: [{ upstream: u0 }]\nupstreams:\n${numbered(count, (at) => `  u${at}: { endpoints: ["http://a${at}"], pool: { maxIdle: "\${N}" } }\n`)}`,
  ],
  ["wrong values from the environment", (count) => `listeners:\n${numbered(count, () => '- "${N}"\n')}`],
];

function numbered(count: number, write: (at: number) => string): string {
  return Array.from({ length: count }, (_, at) => write(at)).join("");
}

for (const [name, write] of configurations) {
  test(`reading a configuration with many ${name} takes steps in proportion to their number`, () => {
    const read = (text: string): void => {
      readPlainYaml(text, false, environmentReader({ N: "3" }));
      try {
        parseConfigText(text, { file: "f.yaml", environment: { N: "3" } });
      } catch (error) {
        assert.equal(error instanceof Error && error.name, "ConfigError", String(error));
      }
    };
    read(write(10));
    counter.forget();
    const [few, many] = [300, 600].map((count) => {
      const text = write(count);
      return counter.count(() => read(text));
    }) as [number, number];
    assert.ok(many <= few * mostGrowth, `${few} steps for 300, ${many} for twice as many`);
  });
}
