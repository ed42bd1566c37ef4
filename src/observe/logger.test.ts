import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../base/clock.ts";
import { createLogger, type LogFields, type LoggerOptions, silentLogger } from "./logger.ts";

function written(options: LoggerOptions, log: (logger: ReturnType<typeof createLogger>) => void): string[] {
  const lines: string[] = [];
  log(createLogger({ clock: new ManualClock(), write: (line) => lines.push(line), ...options }));
  return lines;
}

for (const [fields, text, json] of [
  [{}, "", ""],
  [
    { port: 80, ok: true, nothing: null, left: undefined },
    " port=80 ok=true nothing=null",
    ',"port":80,"ok":true,"nothing":null',
  ],
  [{ path: "a b", empty: "" }, ' path="a b" empty=""', ',"path":"a b","empty":""'],
  [{ error: new Error("no\nway") }, " error=no\\u000away", ',"error":"no\\u000away"'],
  [
    { list: [":80", ":81"], object: { a: 1 } },
    ' list=":80, :81" object="{\\"a\\":1}"',
    ',"list":":80, :81","object":"{\\"a\\":1}"',
  ],
  [{ nan: Number.NaN }, " nan=NaN", ',"nan":"NaN"'],
] as const satisfies readonly (readonly [LogFields, string, string])[]) {
  test(`the fields ${JSON.stringify(Object.keys(fields))} are written after the message`, () => {
    assert.deepEqual(
      written({ format: "text" }, (logger) => logger.info("ready", fields)),
      [`2023-11-14T22:13:20.000Z info  ready${text}\n`],
    );
    const [line = ""] = written({ format: "json" }, (logger) => logger.info("ready", fields));
    assert.equal(line, `{"time":"2023-11-14T22:13:20.000Z","level":"info","message":"ready"${json}}\n`);
    JSON.parse(line);
  });
}

test("levels below the least are not written", () => {
  const all = (logger: ReturnType<typeof createLogger>): void => {
    for (const level of ["debug", "info", "warn", "error"] as const) logger[level](level);
  };
  for (const [level, expected] of [
    ["debug", 4],
    ["info", 3],
    ["warn", 2],
    ["error", 1],
    ["silent", 0],
  ] as const)
    assert.equal(written({ level }, all).length, expected, level);
  assert.equal(written({}, all).length, 3);
  all(silentLogger);
});

test("a message can neither forge a line nor drive the terminal", () => {
  const message = "a\r\nb\u001b[31m\u009b\u2028";
  const [text = ""] = written({ format: "text" }, (logger) => logger.warn(message, { x: message }));
  assert.match(text, /^[^\u0000-\u001f\u007f-\u009f\u2028]*\n$/);
  const [json = ""] = written({ format: "json" }, (logger) => logger.warn(message));
  assert.equal((JSON.parse(json) as { message: string }).message, message);
});

test("what cannot be turned into JSON is still written", () => {
  const loop: { self?: unknown } = {};
  loop.self = loop;
  assert.match(
    written({ format: "json" }, (logger) => logger.info("x", { loop, big: 1n, symbol: Symbol("s") }))[0] ?? "",
    /"loop":"\[object Object\]","big":"1","symbol":"Symbol\(s\)"/,
  );
});
