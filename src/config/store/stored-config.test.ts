import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ManualScheduler } from "../../base/scheduler.ts";
import type { Logger } from "../../observe/logger.ts";
import { ConfigError } from "../problem.ts";
import { ConfigCopy } from "./config-copy.ts";
import type { ConfigStore, ConfigStoreObserver, StoredText } from "./config-store.ts";
import { parseInstanceStatus, toStatusProblems } from "./instance-status.ts";
import { StoredConfig } from "./stored-config.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-stored-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const textWith = (body: string): string => `listeners: [{ address: ":1" }]\nroutes: [{ respond: { body: ${body} } }]\n`;
const badText = 'listeners: [{ address: ":1" }]\nroutes: [{ respnd: {} }]\n';

/** A store that says what the test lets it say. */
class SaidStore implements ConfigStore {
  readonly name: string;
  observer: ConfigStoreObserver | null = null;
  value: StoredText | null | Error = null;
  readonly statuses_: string[] = [];
  statusClosed = 0;
  closed = 0;

  constructor(name = "etcd://a:2379/k") {
    this.name = name;
  }

  follow(observer: ConfigStoreObserver): { close(): void } {
    this.observer = observer;
    return { close: () => (this.observer = null) };
  }

  say(text: string | null, version = "1"): void {
    this.value = text === null ? null : { text, version };
    this.observer?.onValue(this.value);
  }

  async read(): Promise<StoredText | null> {
    if (this.value instanceof Error) throw this.value;
    return this.value;
  }

  write(): Promise<boolean> {
    return Promise.resolve(false);
  }

  openStatus(): { write(text: string): void; close(): Promise<void> } {
    return {
      write: (text) => void this.statuses_.push(text),
      close: async () => void this.statusClosed++,
    };
  }

  statuses(): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(new Map());
  }

  close(): void {
    this.closed++;
  }

  get status() {
    return parseInstanceStatus(this.statuses_.at(-1) ?? "");
  }
}

let folderCount = 0;

function setUp(options: { copyFolder?: string | null; environment?: Record<string, string>; startMs?: number } = {}) {
  const store = new SaidStore();
  const copyFolder = options.copyFolder === undefined ? join(folder, String(++folderCount)) : options.copyFolder;
  const log: string[] = [];
  const write =
    (level: string) =>
    (message: string, fields?: object): void =>
      void log.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`);
  const logger: Logger = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  const scheduler = new ManualScheduler();
  const stored = new StoredConfig({
    store,
    copy: copyFolder === null ? null : new ConfigCopy(copyFolder, store.name),
    scheduler,
    instance: "i",
    environment: options.environment ?? {},
    folder: "/",
    startMs: options.startMs ?? 60_000,
  });
  let changes = 0;
  /** What a reloader does. */
  const reload = async (isAsked = false): Promise<string> => {
    try {
      const config = await stored.load(isAsked);
      stored.noteOutcome({ isApplied: true, report: "" });
      return String(config.routes[0]?.respond?.body);
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      stored.noteOutcome({ isApplied: false, report: error.message });
      return error.message;
    }
  };
  const follow = (): void => stored.follow(logger, () => changes++);
  return { store, stored, log, scheduler, reload, follow, copyFolder, changes: () => changes };
}

/** One that runs `body`. */
async function running(body: string, options: Parameters<typeof setUp>[0] = {}) {
  const parts = setUp(options);
  const started = parts.stored.start();
  parts.store.say(textWith(body));
  await started;
  parts.follow();
  return parts;
}

test("a start takes what the store says, and tells so beside the key", async () => {
  const { stored, store, changes } = await running("one");
  assert.equal(store.status?.applied.version, "1");
  assert.equal(store.status?.refused, null);
  assert.equal(changes(), 0);
  const { source, store: shown } = stored.describe();
  assert.deepEqual([source, shown?.isUp, shown?.isCopy, shown?.version], [store.name, true, false, "1"]);
  await stored.close();
  assert.equal(store.statusClosed + store.closed, 2);
  assert.equal(store.observer, null);
});

test("a disk that hangs does not hold the end up", async (t) => {
  t.mock.method(ConfigCopy.prototype, "save", () => new Promise(() => {}));
  const { stored, store, scheduler } = await running("one");
  const closed = stored.close();
  scheduler.advance(1_000);
  await closed;
  assert.equal(store.closed, 1);
  assert.equal(scheduler.pendingCount, 0);
});

test("a change is loaded once, the same again not at all", async () => {
  const { store, reload, changes } = await running("one");
  store.say(textWith("two"), "2");
  assert.equal(changes(), 1);
  assert.equal(await reload(), "two");
  store.say(textWith("two"), "2");
  store.say(textWith("two"), "3");
  assert.equal(changes(), 1);
  assert.equal(store.status?.applied.version, "3", "the same text under another version");
});

test("a value that is refused changes nothing, is said beside the key and not tried again and again", async () => {
  const { store, stored, reload, changes } = await running("one");
  store.say(badText, "2");
  assert.match(await reload(), /etcd:\/\/a:2379\/k:2:\d+: error: unknown key "respnd"/);
  assert.equal(changes(), 1);
  store.say(badText, "2");
  store.say(badText, "3");
  assert.equal(changes(), 1);
  assert.equal(store.status?.applied.version, "1");
  assert.equal(store.status?.refused?.version, "3");
  assert.match(store.status?.refused?.problems[0] ?? "", /^2:\d+: unknown key "respnd" \(did you mean "respond"\?\)$/);
  assert.equal(stored.describe().store?.refused?.version, "3");
  store.say(textWith("two"), "4");
  assert.equal(changes(), 2);
  assert.equal(await reload(), "two");
  assert.equal(store.status?.refused, null);
});

test("after a refused value the running one needs no reload", async () => {
  const { store, reload, changes, log } = await running("one");
  store.say(badText, "2");
  await reload();
  store.say(textWith("one"), "3");
  assert.equal(changes(), 1);
  assert.deepEqual([store.status?.applied.version, store.status?.refused], ["3", null]);
  assert.match(log.at(-1) ?? "", /^info the store holds the running configuration again/);
});

test("what the proxy could not apply is refused, too", async () => {
  const { store, stored } = await running("one");
  store.say(textWith("two"), "2");
  await stored.load(false);
  stored.noteOutcome({ isApplied: false, report: "Cannot listen on :1: another process is using it." });
  assert.deepEqual(store.status?.refused?.problems, ["Cannot listen on :1: another process is using it."]);
  assert.equal(store.status?.applied.version, "1");
});

test("what comes while a value is tried is tried after it", async () => {
  const { store, stored, changes, reload } = await running("one");
  store.say(textWith("two"), "2");
  const loading = stored.load(false);
  store.say(textWith("three"), "3");
  assert.equal(changes(), 1);
  assert.equal((await loading).routes[0]?.respond?.body, "two");
  stored.noteOutcome({ isApplied: true, report: "" });
  assert.equal(changes(), 2);
  assert.equal(await reload(), "three");
});

test("a key that is gone, and a store that is away, leave what runs and are said once", async () => {
  const { store, stored, log, changes, reload, scheduler } = await running("one");
  store.say(null);
  store.say(null);
  assert.equal(log.filter((line) => line.startsWith("warn the configuration is gone")).length, 1);
  assert.ok(stored.describe().store?.isMissing);
  assert.match(await reload(true), /there is no such key/);
  store.observer?.onFailure("refused");
  store.observer?.onFailure("refused");
  scheduler.advance(5_000);
  assert.equal(log.filter((line) => line.includes("does not answer")).length, 1);
  assert.deepEqual(
    [stored.describe().store?.isUp, stored.describe().store?.ageSeconds, stored.describe().store?.lastError],
    [false, 5, "refused"],
  );
  store.observer?.onAlive();
  store.say(textWith("one"), "9");
  assert.equal(log.filter((line) => line.includes("answers again")).length, 1);
  assert.equal(changes(), 0);
  assert.equal(store.status?.applied.version, "9");
});

test("a key that is gone is told beside it, and takes what was refused with it", async () => {
  const { store, stored, reload } = await running("one");
  store.say(badText, "2");
  await reload();
  assert.equal(store.status?.refused?.version, "2");
  store.say(null);
  assert.deepEqual([store.status?.isMissing, store.status?.refused], [true, null]);
  assert.equal(stored.describe().store?.refused, null);
  store.say(textWith("one"), "4");
  assert.deepEqual([store.status?.isMissing, store.status?.applied.version], [false, "4"]);
});

test("a reload that is asked for reads the store, and says so if it cannot", async () => {
  const { store, reload } = await running("one");
  store.value = { text: textWith("two"), version: "2" };
  assert.equal(await reload(true), "two");
  store.value = new Error("no route to host");
  assert.match(await reload(true), /etcd:\/\/a:2379\/k: error: the store cannot be asked: no route to host/);
  assert.equal(store.status?.refused, null, "that is no fault of the value");
});

test("a store that has gone back to an earlier revision is believed", async () => {
  const { store, reload, changes } = await running("one");
  store.say(textWith("two"), "900");
  await reload();
  store.say(textWith("older"), "7");
  assert.equal(changes(), 2);
  assert.equal(await reload(), "older");
});

test("without the store a start takes the copy of the last good configuration, and the store outranks it as soon as it is there", async () => {
  const first = await running("one");
  first.store.say(badText, "2");
  await first.reload();
  await first.stored.close();
  const second = setUp({ copyFolder: first.copyFolder, startMs: 1 });
  const starting = second.stored.start();
  second.store.observer?.onFailure("connection refused");
  assert.equal((await starting).routes[0]?.respond?.body, "one");
  second.follow();
  assert.match(
    second.log.join("\n"),
    /warn started with the copy on the disk.*the store does not answer: connection refused/,
  );
  assert.ok(second.store.status?.applied.isCopy);
  assert.ok(second.stored.describe().store?.isCopy);
  second.store.say(textWith("two"), "3");
  assert.equal(second.changes(), 1);
  assert.equal(await second.reload(), "two");
  assert.equal(second.store.status?.applied.isCopy, false);
});

test("a copy that the store confirms is no copy any more", async () => {
  const first = await running("one");
  await first.stored.close();
  const second = setUp({ copyFolder: first.copyFolder, startMs: 1 });
  await second.stored.start();
  second.follow();
  second.store.say(textWith("one"), "5");
  assert.equal(second.changes(), 0);
  assert.deepEqual([second.store.status?.applied.isCopy, second.store.status?.applied.version], [false, "5"]);
});

for (const [name, said, sentence] of [
  ["a value that is refused", badText, /unknown key .{1,2}respnd/],
  ["no key", null, /there is no such key/],
] as const)
  test(`a start that finds ${name} takes the copy, and fails without one`, async () => {
    const first = await running("one");
    await first.stored.close();
    for (const copyFolder of [first.copyFolder, join(folder, "none"), null]) {
      const second = setUp({ copyFolder });
      const starting = second.stored.start();
      second.store.say(said, "2");
      if (copyFolder !== first.copyFolder) {
        await assert.rejects(starting, sentence);
        continue;
      }
      assert.equal((await starting).routes[0]?.respond?.body, "one");
      second.follow();
      assert.equal(second.changes(), 0, "what was refused is not tried again");
      assert.match(second.log.join("\n"), sentence);
      assert.equal(second.store.status?.refused?.version, said === null ? undefined : "2");
    }
  });

test("nobody else may read the copy, and one that is not whole or of another key is not taken", async () => {
  const { copyFolder, stored } = await running("one");
  await stored.close();
  const [file = ""] = readdirSync(copyFolder ?? "");
  const path = join(copyFolder ?? "", file);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(copyFolder ?? "").mode & 0o777, 0o700);
  const whole = readFileSync(path, "utf8");
  const copy = new ConfigCopy(copyFolder ?? "", "etcd://a:2379/k");
  assert.equal((await copy.read())?.text, textWith("one"));
  for (const text of ["", "null", "{", "[]", whole.slice(0, -9), whole.replace("a:2379", "b:2379"), "\0\0"]) {
    writeFileSync(path, text);
    assert.equal(await copy.read(), null, text);
  }
  assert.notEqual(new ConfigCopy(copyFolder ?? "", "etcd://a:2379/l").path, copy.path);
});

test("a disk that cannot be written is said once and changes nothing else", async () => {
  writeFileSync(join(folder, "a-file"), "");
  const { store, stored, log, reload } = await running("one", { copyFolder: join(folder, "a-file", "below") });
  store.say(textWith("two"), "2");
  assert.equal(await reload(), "two");
  store.say(textWith("three"), "3");
  assert.equal(await reload(), "three");
  await stored.close();
  assert.equal(log.filter((line) => line.includes("cannot be kept on the disk")).length, 1);
});

test("what opens the store is not told to whoever writes into it", async () => {
  const { store, reload } = await running("one", {
    environment: { CONSUL_HTTP_TOKEN: "hunter2", ETCDCTL_PASSWORD: "hunter2" },
  });
  for (const name of ["CONSUL_HTTP_TOKEN", "ETCDCTL_PASSWORD", "ETCDCTL_USER"]) {
    store.say(textWith(`"\${${name}}"`), name);
    assert.match(await reload(), new RegExp(`the environment variable ${name} is not set`));
  }
});

test("the problems in a status are few, short, on one line each and without passwords", () => {
  const problem = (message: string) => ({
    message,
    hint: null,
    path: [],
    file: "f",
    line: 1,
    column: 2,
    length: 1,
    excerpt: { firstLine: 1, lines: ["token: hunter2"] },
  });
  const problems = toStatusProblems([
    problem("redis://user:hunter2@host is wrong\n\x1b[31m"),
    ...Array.from({ length: 500 }, () => problem("x".repeat(10_000))),
  ]);
  assert.equal(problems.length, 11);
  assert.equal(problems[0], "1:2: redis://user:*******@host is wrong [31m");
  assert.ok(problems.every((text) => text.length <= 301));
  assert.equal(problems.at(-1), "… and 491 more");
});

test("what stands in place of a status is not taken for one", () => {
  for (const text of ["", "7", "null", "{}", '{"instance":"a"}', "[", "x".repeat(20_000)])
    assert.equal(parseInstanceStatus(text), null, text.slice(0, 20));
});

test("a copy that cannot be used is told with the reason why it was needed", async () => {
  const first = await running('"${A}"', { environment: { A: "a" } });
  await first.stored.close();
  const second = setUp({ copyFolder: first.copyFolder, startMs: 1 });
  await assert.rejects(
    second.stored.start(),
    /the store does not answer[^]*the copy of an earlier configuration cannot be used: .*variable A is not set/,
  );
});
