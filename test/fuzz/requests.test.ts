/**
 * Mutated requests, for a few seconds (MILLRACE_FUZZ_SECONDS for longer, MILLRACE_FUZZ_SEED for others). Whatever comes
 * in: what goes upstream is strictly HTTP/1.1, what comes back is too, the connection ends, no exchange is left, and no
 * bug of ours answers 500.
 */
import assert from "node:assert/strict";
import { inBatches } from "../support/batches.ts";
import { testWithHarness } from "../support/harness.ts";
import { fuzzSeed, fuzzTimeMs, mutate, Randomness } from "../support/mutator.ts";
import { answerOk } from "../support/scripted-upstream.ts";
import { readResponse, WireError } from "../support/wire-reader.ts";
import { requestCorpus } from "../wire/corpus.ts";

/**
 * Reads answers until the bytes end. An answer to HEAD cannot be told from one to GET here: both readings are tried.
 */
function assertAnswers(received: Buffer): void {
  let at = 0;
  while (at < received.length) {
    const methods = ["GET", "HEAD"].map((method) => {
      try {
        return readResponse(received, at, { method, isClosed: true });
      } catch (error) {
        if (error instanceof WireError) return null;
        throw error;
      }
    });
    const read =
      methods[0] !== null &&
      methods[0] !== undefined &&
      /^(?:$|HTTP\/1\.1 )/.test(received.toString("latin1", methods[0].end, methods[0].end + 9))
        ? methods[0]
        : methods[1];
    if (read === null || read === undefined) {
      // The last answer may break off; its head must still be in order.
      if (received.indexOf("\r\n\r\n", at, "latin1") !== -1)
        readResponse(received, at, { method: "GET", isClosed: true, partial: true });
      return;
    }
    if (read.message.status === 101) return;
    assert.notEqual(read.message.status, 500, "no internal error");
    at = read.end;
  }
}

testWithHarness("mutated requests never get through as anything but strict HTTP/1.1", async (harness, context) => {
  const seed = fuzzSeed(20_261_122);
  const upstream = await harness.scripted(answerOk);
  await harness.proxy({
    endpoints: [upstream.url],
    listener: { timeouts: { head: "1s", body: "1s", write: "1s", keepAlive: "1s" } },
  });
  const random = new Randomness(seed);
  const until = performance.now() + fuzzTimeMs(3_000);
  let count = 0;
  while (performance.now() < until) {
    const inputs = Array.from({ length: 64 }, () => mutate(random.pick(requestCorpus), random, requestCorpus));
    const cut = 1 + random.below(80);
    await inBatches(
      inputs,
      16,
      (input) => `seed ${seed}, ${JSON.stringify(input)}`,
      async (input) => {
        const client = await harness.raw();
        try {
          await client.sendSplit(Buffer.from(input, "latin1"), [cut]);
          client.end();
          await client.untilOver();
          assertAnswers(client.received);
        } finally {
          client.destroy();
        }
      },
    );
    assert.deepEqual(upstream.violations, [], `seed ${seed}`);
    upstream.forget();
    count += inputs.length;
  }
  context.diagnostic(`${count} requests from seed ${seed}`);
  const [log] = await harness.end();
  assert.deepEqual(
    log!.filter(({ reason }) => reason === "INTERNAL_ERROR"),
    [],
  );
});
