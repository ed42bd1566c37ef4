import assert from "node:assert/strict";
import { test } from "node:test";
import { diffConfig } from "../config/diff-config.ts";
import { parseConfig } from "../config/parse-config.ts";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../observe/logger.ts";
import { Reloader } from "./reloader.ts";

const configWith = (body: string): Config =>
  parseConfig({ listeners: [{ address: "127.0.0.1:0" }], routes: [{ respond: { body } }] });

/** A reloader over a proxy that only remembers, and a file whose next versions are `versions`. */
function setUp(versions: readonly (Config | Error)[], file: string | null = "a.yaml") {
  const log: string[] = [];
  const write =
    (level: string) =>
    (message: string, fields?: object): void =>
      void log.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`);
  const logger: Logger = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  const applied: Config[] = [configWith("first")];
  let readCount = 0;
  const gate = { hold: Promise.resolve() };
  const load = async (): Promise<Config> => {
    const version = versions[Math.min(readCount++, versions.length - 1)];
    await gate.hold;
    if (version === undefined || version instanceof Error) throw version ?? new Error("no version");
    return version;
  };
  let refusedCount = 0;
  const reloader = new Reloader({ load, file, isWatched: false }, { logger, isForPeople: false });
  reloader.attach({
    noteRefusedReload: () => void refusedCount++,
    reload: async (input) => {
      const next = input as Config;
      const diff = await diffConfig(applied.at(-1) ?? configWith(""), next);
      applied.push(next);
      return diff;
    },
  });
  return { reloader, log, applied, gate, readCount: () => readCount, refusedCount: () => refusedCount };
}

test("a reload applies the file and says what changed", async () => {
  const { reloader, log, applied } = setUp([configWith("second")]);
  const outcome = await reloader.reload("SIGHUP");
  assert.equal(outcome.isApplied, true);
  assert.match(outcome.report, /1 changed/);
  assert.equal(applied.length, 2);
  assert.match(log.join("\n"), /^info reloaded: .*1 changed.*"cause":"SIGHUP"/);
});

test("a file with problems changes nothing", async () => {
  let problem: Error | null = null;
  try {
    parseConfig({ listeners: [], routes: [] });
  } catch (error) {
    problem = error as Error;
  }
  assert.ok(problem);
  const { reloader, log, applied, refusedCount } = setUp([problem]);
  const outcome = await reloader.reload("request");
  assert.equal(outcome.isApplied, false);
  assert.match(outcome.report, /listeners/);
  assert.equal(applied.length, 1);
  assert.match(log.join("\n"), /error kept the running configuration .*listeners/);
  assert.equal(refusedCount(), 1, "the metrics have it, though the proxy never saw it");
});

test("a proxy that refuses the configuration keeps the running one", async () => {
  const { reloader, log } = setUp([configWith("second")]);
  reloader.attach({
    noteRefusedReload: () => assert.fail("the proxy itself has counted it"),
    reload: async () =>
      Promise.reject(Object.assign(new Error("bind"), { code: "EADDRINUSE", address: "127.0.0.1", port: 80 })),
  });
  const outcome = await reloader.reload("file");
  assert.deepEqual(outcome, {
    isApplied: false,
    report: "Cannot listen on 127.0.0.1:80: another process is using it.",
  });
  assert.match(log.join("\n"), /kept the running configuration/);
});

test("reloads asked for during a reload become one more", async () => {
  const { reloader, applied, gate, readCount } = setUp([configWith("second"), configWith("third")]);
  const { promise, resolve } = Promise.withResolvers<void>();
  gate.hold = promise;
  const asked = [reloader.reload("SIGHUP"), reloader.reload("file"), reloader.reload("request")];
  resolve();
  const outcomes = await Promise.all(asked);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.isApplied),
    [true, true, true],
  );
  assert.equal(readCount(), 2);
  assert.deepEqual(
    applied.map((config) => config.routes[0]?.respond?.body),
    ["first", "second", "third"],
  );
});

test("a change that holds nothing new is not announced when the file was only watched", async () => {
  const { reloader, log } = setUp([configWith("first")]);
  assert.equal((await reloader.reload("file")).isApplied, true);
  assert.deepEqual(
    log.map((line) => line.split(" ")[0]),
    ["debug"],
  );
});

test("without a file there is nothing to reload, and after the end neither", async () => {
  const flags = setUp([configWith("second")], null);
  assert.equal((await flags.reloader.reload("SIGHUP")).isApplied, false);
  const closed = setUp([configWith("second")]);
  closed.reloader.close();
  assert.equal((await closed.reloader.reload("SIGHUP")).isApplied, false);
  assert.equal(closed.applied.length, 1);
});
