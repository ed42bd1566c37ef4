/** Content that an endpoint has announced and must not send, and sends: nothing of it is an answer to somebody else. */
import assert from "node:assert/strict";
import { testWithHarness } from "../support/harness.ts";
import { loopTurns } from "../support/signal.ts";
import { answerOk } from "../support/scripted-upstream.ts";

const get = (target = "/"): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

const withheld: readonly (readonly [method: string, head: string])[] = [
  ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 38"],
  ["HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"],
  ["HEAD", "HTTP/1.1 200 OK\r\nX: y"],
  ["GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 38"],
  ["GET", "HTTP/1.1 204 No Content\r\nContent-Length: 38"],
];
/** Content that an answer has announced and should not have, made to be taken for an answer. */
const poison = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const delays: Readonly<Record<string, (send: () => void) => void>> = {
  "in the same write": (send) => send(),
  "in the next write": (send) => void setImmediate(send),
  "a few turns later": (send) => void loopTurns(4).then(send),
};
for (const [method, head] of withheld) {
  for (const [when, delay] of Object.entries(delays)) {
    testWithHarness(
      `content that an endpoint sends ${when}, behind ${head.slice(9, 12)} to ${method} with ${head.split("\r\n")[1]}, is no answer to the next request`,
      async (harness) => {
        const { upstream: first, client } = await harness.rawTrio();
        first.script = {
          onRequest: (connection, request) => {
            if (request.target !== "/evil") answerOk.onRequest?.(connection, request);
            else if (when === "in the same write") connection.send(`${head}\r\n\r\n${poison}`);
            else {
              connection.send(`${head}\r\n\r\n`);
              delay(() => connection.send(poison));
            }
          },
        };
        const other = await harness.raw();
        for (const next of [client, other]) {
          client.send(`${method} /evil HTTP/1.1\r\nHost: a\r\n\r\n`);
          await client.response(method);
          next.send(get("/next"));
          assert.equal((await next.response()).body.toString(), "ok");
        }
        for (const { requests } of first.connections)
          assert.ok(
            requests.every(({ target }, at) => target !== "/evil" || at === requests.length - 1),
            "nothing follows it",
          );
      },
    );
  }
}

testWithHarness(
  "with pipelining, no request of another client stays behind an answer that withholds its content",
  async (harness) => {
    const { upstream: first } = await harness.rawTrio({ upstream: { pool: { pipelining: 8 } } });
    first.script = answerOk;
    const clients = await harness.raws(4);
    clients[0]!.send(get("/warm"));
    await clients[0]!.response();
    first.script = {};
    for (const [at, each] of clients.entries()) each.send(get(`/${at}`));
    await first.until(() => first.requests.length === 5, "all were asked");
    first.script = {
      onRequest: (connection, { target }) =>
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`),
    };
    const [shared] = first.connections;
    shared!.send(`HTTP/1.1 304 Not Modified\r\nContent-Length: 38\r\n\r\n${poison}`);
    assert.equal((await clients[0]!.response()).status, 304);
    for (const [at, each] of clients.entries())
      if (at > 0) assert.equal((await each.response()).body.toString(), `/${at}`);
  },
);
