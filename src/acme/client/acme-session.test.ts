/** The client against answers that no sensible server gives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AccountKey } from "./account-key.ts";
import { AcmeError } from "./acme-error.ts";
import { AcmeSession } from "./acme-session.ts";
import type { HttpAnswer, HttpQuestion } from "./https-request.ts";
import { placeOrder } from "./order.ts";

const directoryUrl = "https://ca.test/directory";
const directory = {
  newNonce: "https://ca.test/nonce",
  newAccount: "https://ca.test/account",
  newOrder: "https://ca.test/order",
};

/** A session whose server is `answer`: a body, and what is to be said beside it. */
function sessionWith(answer: (question: HttpQuestion) => { body: object; headers?: Record<string, string> }) {
  const asked: string[] = [];
  const waits: number[] = [];
  const session = new AcmeSession({
    directoryUrl,
    key: AccountKey.generate(),
    wall: () => Date.now(),
    wait: async (ms) => void waits.push(ms),
    http: {
      send: async (question): Promise<HttpAnswer> => {
        asked.push(question.url);
        const { body, headers = {} } = question.url === directoryUrl ? { body: directory } : answer(question);
        return { status: 200, headers: { "replay-nonce": "n", ...headers }, body: JSON.stringify(body) };
      },
      close: () => {},
    },
  });
  return { session, asked, waits };
}

const solver = {
  type: "http-01",
  present: async () => {},
  ready: async () => {},
  remove: async () => {},
} as const;
const order = { names: ["a.test"], solver, csr: "", profile: null, replaces: null, isLost: () => false };

test("a server that is verified cannot lead to one that is not", async () => {
  const { session, asked } = sessionWith(() => ({
    body: { authorizations: ["http://127.0.0.1:1/authorization"] },
    headers: { location: "https://ca.test/order/1" },
  }));
  await assert.rejects(
    placeOrder(session, order),
    (error) => error instanceof AcmeError && error.type === "malformed" && /without TLS/.test(error.message),
  );
  assert.deepEqual(
    asked.filter((url) => url.startsWith("http:")),
    [],
  );
});

test("a server that wants to be asked at once is asked with pauses all the same", async () => {
  let looks = 0;
  const { session, waits } = sessionWith(({ url }) =>
    url.endsWith("/1")
      ? { body: { status: looks++ < 3 ? "pending" : "invalid" }, headers: { "retry-after": "0" } }
      : { body: { authorizations: [] }, headers: { location: "https://ca.test/order/1" } },
  );
  await assert.rejects(placeOrder(session, order), AcmeError);
  assert.equal(waits.length, 3);
  assert.ok(waits.every((ms) => ms >= 250));
});
