/**
 * Several requests share an upstream connection (`pool.pipelining`) when it fails after N bytes of their answers, for
 * every N. Who was answered keeps the answer, who was not is answered by another connection, and only the one in the
 * middle may see a broken answer.
 */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { testWithHarness } from "../support/harness.ts";
import { loopTurns } from "../support/signal.ts";
import { type UpstreamConnection } from "../support/scripted-upstream.ts";
import { fateOf } from "./fate.ts";

const bodyOf = (target: string): string => `the answer to ${target}`;
const sized = (target: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${bodyOf(target).length}\r\n\r\n${bodyOf(target)}`;
const chunked = (target: string): string =>
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${bodyOf(target).length.toString(16)}\r\n${bodyOf(target)}\r\n0\r\n\r\n`;
const answers = ["/0", "/1", "/2", "/3"].map((target, at) => (at % 2 === 0 ? sized(target) : chunked(target)));
const stream = answers.join("");
const ends = answers.map((_, at) => answers.slice(0, at + 1).join("").length);

const faults = {
  closes: (connection: UpstreamConnection) => connection.end(),
  "breaks off": (connection: UpstreamConnection) => connection.reset(),
  "talks garbage": (connection: UpstreamConnection) => {
    connection.send("\0\xff\r\n\r\n");
    connection.end();
  },
} as const;

/** What the client at `at` may see when the connection failed after `length` bytes. */
function fatesOf(at: number, length: number, isGarbage: boolean): string[] {
  const end = ends[at] ?? 0;
  const start = ends[at - 1] ?? 0;
  if (length >= end) return ["whole"];
  // Garbage in place of a head is that answer; within a body it is body, and what is left of it stands in place of the
  // next head.
  if (length < start) return isGarbage && length > (ends[at - 2] ?? 0) ? ["whole", "502"] : ["whole"];
  if (length === start) return isGarbage ? ["502"] : ["whole"];
  return isGarbage ? ["whole", "502", "broken", "other"] : ["whole", "502", "broken"];
}

describe("a shared upstream connection that fails", () => {
  for (const [fault, run] of Object.entries(faults)) {
    testWithHarness(`${fault} at every byte of four answers`, async (harness) => {
      let length = 0;
      const tries = new Map<string, number>();
      const upstream = await harness.scripted({
        onRequest: (connection, { target }) => {
          if (target === "/warm") return connection.send(sized(target));
          const count = (tries.get(target) ?? 0) + 1;
          tries.set(target, count);
          if (count > 1) return connection.send(sized(target));
          if (tries.size < answers.length) return;
          connection.send(stream.slice(0, length));
          void loopTurns(3).then(() => run(connection));
        },
      });
      const proxy = await harness.proxy({
        endpoints: [upstream.url],
        upstream: { pool: { pipelining: 8 } },
      });
      for (length = 0; length < stream.length; length++) {
        tries.clear();
        upstream.forget();
        const clients = await harness.raws(answers.length);
        const [first] = clients;
        assert.ok(first);
        first.send("GET /warm HTTP/1.1\r\nHost: a\r\n\r\n");
        await first.response();
        for (const [at, client] of clients.entries())
          client.send(`GET /${at} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
        await upstream.until(() => tries.size === answers.length, "all four were asked");
        assert.ok(
          upstream.connections.some(({ requests }) => requests.length >= answers.length),
          "they share a connection",
        );
        for (const [at, client] of clients.entries()) {
          const response = await client.brokenResponse();
          const fate = fateOf(response, bodyOf(`/${at}`));
          const target = Number(/^the answer to \/(\d)$/.exec(response?.body.toString() ?? "")?.[1] ?? at);
          assert.equal(target, at, "nobody gets another's answer");
          const fates = fatesOf(at, length, fault === "talks garbage");
          assert.ok(fates.includes(fate), `after ${length} bytes, answer ${at}: ${fate}, not ${fates.join(" or ")}`);
          client.destroy();
        }
        await proxy.untilQuiet();
      }
      await proxy.assertCountsAreZero();
    });
  }
});
