import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnswerHead } from "../answer.ts";
import { Fields } from "../fields.ts";
import { Framing } from "../message.ts";
import { defaultCachePolicy } from "./cache-policy.ts";
import { judgeStorage } from "./storage.ts";

const head = (...pairs: string[]): AnswerHead => ({
  status: 200,
  reasonPhrase: "OK",
  fields: Fields.ofPairs(pairs),
  body: 5,
  declaredLength: 5,
  tunnel: null,
  from: "endpoint",
});
const request = { method: "GET", framing: Framing.none, field: () => null };
const times = { requestMs: 1_000_000, responseMs: 1_000_000, wallMs: 1_000_000 };

test("what says how long it is fresh is stored", () => {
  const storage = judgeStorage(request, head("Cache-Control", "max-age=60", "Age", "10"), times, defaultCachePolicy);
  assert.ok(storage.isStored);
  assert.equal(storage.answer.bornMs, 990_000);
  assert.equal(storage.answer.freshUntilMs, 1_050_000);
  assert.equal(storage.answer.fields, "Cache-Control: max-age=60\r\n");
});
