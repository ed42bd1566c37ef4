/**
 * Mutated answers, for a few seconds (MILLRACE_FUZZ_SECONDS for longer, MILLRACE_FUZZ_SEED for others). Whatever an
 * endpoint says: the client gets strict HTTP/1.1 or an answer that breaks off, never a byte that belongs to somebody
 * else, and nothing is left.
 */
import assert from "node:assert/strict";
import { inBatches } from "../support/batches.ts";
import { testWithHarness } from "../support/harness.ts";
import { fuzzSeed, fuzzTimeMs, mutate, Randomness } from "../support/mutator.ts";
import { loopTurns } from "../support/signal.ts";
import { responseCorpus } from "../wire/corpus.ts";

testWithHarness(
  "mutated answers never reach a client as anything but strict HTTP/1.1, nor another client",
  async (harness, context) => {
    const seed = fuzzSeed(20_261_123);
    const scripts = new Map<string, { bytes: string; cut: number }>();
    const upstream = await harness.scripted({
      onRequest: (connection, { target }) => {
        const script = scripts.get(target);
        if (script === undefined) {
          // A marker that only the asker may see.
          const marker = `marker of ${target}`;
          connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${marker.length}\r\n\r\n${marker}`);
          return;
        }
        void connection
          .sendSplit(Buffer.from(script.bytes, "latin1"), [script.cut])
          .then(() => loopTurns(2))
          .then(() => connection.end());
      },
    });
    await harness.proxy({
      endpoints: [upstream.url],
      upstream: { timeouts: { connect: "5s", firstByte: "2s", idle: "2s" }, retry: { attempts: 0 } },
    });
    const random = new Randomness(seed);
    const until = performance.now() + fuzzTimeMs(3_000);
    let count = 0;
    while (performance.now() < until) {
      // Bytes that come late may meet the next request on their connection: nothing in HTTP/1.1 tells them from its
      // answer. So either answers come in two pieces, or others share the connections.
      const isSplit = random.below(2) === 0;
      const targets = Array.from({ length: 48 }, (_, at) => `/${count + at}`);
      for (const target of targets)
        scripts.set(target, {
          bytes: mutate(random.pick(responseCorpus), random, responseCorpus),
          cut: isSplit ? 1 + random.below(60) : 0,
        });
      await inBatches(
        targets,
        16,
        (target) => `seed ${seed}, ${JSON.stringify(scripts.get(target))}`,
        async (target) => {
          const client = await harness.raw();
          const other = await harness.raw();
          try {
            client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
            if (!isSplit) other.send(`GET /other${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
            const mine = await client.brokenResponse();
            if (mine !== null) {
              assert.ok(!mine.body.includes("marker of"), "an answer to somebody else");
            }
            if (isSplit) return;
            assert.equal((await other.response()).body.toString(), `marker of /other${target}`);
            other.send(`GET /later${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
            assert.equal((await other.response()).body.toString(), `marker of /later${target}`);
          } finally {
            client.destroy();
            other.destroy();
          }
        },
      );
      assert.deepEqual(upstream.violations, [], `seed ${seed}`);
      upstream.forget();
      scripts.clear();
      count += targets.length;
    }
    context.diagnostic(`${count} answers from seed ${seed}`);
    const [log] = await harness.end();
    assert.deepEqual(
      log!.filter(({ reason }) => reason === "INTERNAL_ERROR"),
      [],
    );
  },
);
