import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultTypes } from "./defaults.ts";
import { compileTypes, isEventStream, parseTypePattern } from "./media-types.ts";

test("the default list has what gets shorter, and nothing that is compressed by itself", () => {
  const isListed = compileTypes(defaultTypes.map(parseTypePattern));
  for (const type of [
    "text/html",
    "TEXT/HTML; charset=utf-8",
    "text/event-stream",
    "text/css ;x=y",
    "application/json",
    "application/ld+json",
    "application/manifest+json",
    "application/problem+json; charset=utf-8",
    "application/javascript",
    "application/x-ndjson",
    "application/xhtml+xml",
    "application/atom+xml",
    "image/svg+xml",
    "application/wasm",
    "font/ttf",
    "image/x-icon",
  ])
    assert.ok(isListed(type), type);
  for (const type of [
    "",
    "text",
    "/",
    "image/png",
    "image/avif",
    "video/mp4",
    "font/woff2",
    "application/octet-stream",
    "application/zip",
    "application/pdf",
    "multipart/form-data",
    "application/grpc",
    "application/grpc+json",
    "application/grpc-web+json",
    "application/jsonx",
    "x,text/html",
    `text/html;${"x".repeat(2_000)}`,
  ])
    assert.ok(!isListed(type), type);
});

test("patterns name a type, all of a kind, or a suffix, and nothing else", () => {
  assert.equal(parseTypePattern("Text/HTML"), "text/html");
  const isListed = compileTypes(["application/*", "+bar"]);
  assert.deepEqual(["application/grpc", "application/x", "x/y+bar", "x/y+foo"].map(isListed), [
    false,
    true,
    true,
    false,
  ]);
  for (const wrong of [
    "",
    "text",
    "*",
    "*/*",
    "text/",
    "/html",
    "text/html; x=y",
    "+",
    "text/h*",
    "a/b/c",
    "text /html",
  ])
    assert.throws(() => parseTypePattern(wrong), RangeError, wrong);
});

test("event streams are known by their type alone", () => {
  assert.deepEqual(
    ["text/event-stream", "Text/Event-Stream;charset=utf-8", "text/event-streams", "x/text/event-stream"].map(
      isEventStream,
    ),
    [true, true, false, false],
  );
});
