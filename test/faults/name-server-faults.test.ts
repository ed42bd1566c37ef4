/** Discovery by DNS while the name server's answers are cut off after N bytes, or changed at random. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { seededRandom } from "../../src/base/random.ts";
import { type Entry, NameServer } from "../support/name-server.ts";
import { eventually } from "../support/signal.ts";
import { assertNothingLeft, follow, stepMs } from "./followed-source.ts";

const service = "_http._tcp.api.test";
const faultMs = 10_000;
/** More questions in that time were a loop: one a second, twice, over UDP and TCP. */
const maxQuestions = 60;

async function open(context: TestContext) {
  const server = await NameServer.start();
  context.after(() => server.close());
  /** The hosts of these numbers are the service; what else is said of it goes wrong. */
  const list = (numbers: readonly number[], more: Partial<Entry> = {}): void => {
    server.zone.set(service, {
      srv: numbers.map((number) => `0 1 80 n${number}.test`),
      hasExtras: true,
      ttl: 1,
      ...more,
    });
    for (const number of numbers) server.zone.set(`n${number}.test`, { a: [`10.0.0.${number}`], ttl: 1 });
  };
  list([1, 2]);
  const followed = await follow(context, { dns: { name: service, type: "SRV", servers: [server.address] } });
  await followed.becomes("1,2");
  return { server, list, ...followed };
}

for (const way of ["UDP", "TCP"] as const)
  test(`a name server whose answers over ${way} are cut off after N bytes is one that does not answer`, async (context) => {
    const { server, list, lists, pass, becomes, discovery, scheduler, state } = await open(context);
    let numbers = [1, 2];
    // Two records with their addresses, and the question.
    const answerBytes = 180;
    for (let after = 0; after < answerBytes; after += 7) {
      lists.length = 0;
      server.asked.length = 0;
      const truth = numbers.join();
      list(numbers, {
        mangle: (answer) => [answer.subarray(0, Math.min(after, answer.length - 1))],
        ...(way === "TCP" && { overUdp: { isTruncated: true } }),
      });
      await eventually(
        async () => {
          await pass(stepMs);
          return server.asked.length > 0;
        },
        () => `it asks, after ${after}`,
      );
      await pass(faultMs);
      assert.deepEqual(
        lists.filter((one) => one !== truth),
        [],
        `after ${after} bytes`,
      );
      assert.ok(server.asked.length <= maxQuestions, `after ${after} bytes: asked ${server.asked.length} times`);
      numbers = [1, 2, 10 + after];
      list(numbers);
      await becomes(numbers.join());
    }
    assert.ok(state.failures > 0);
    discovery.close();
    server.close();
    await assertNothingLeft(scheduler);
  });

test("whatever the bytes of an answer are, it is read to an end, and followed again when they are right", async (context) => {
  const random = seededRandom(3);
  const { server, list, pass, becomes } = await open(context);
  for (let round = 0; round < 30; round++) {
    server.asked.length = 0;
    list([1, 2], {
      mangle: (answer) => {
        // The id and the question stay, or it were ignored.
        const bytes = Buffer.from(answer);
        for (let change = 0; change < 6; change++)
          bytes[Math.floor(4 + random() * (bytes.length - 4))] = Math.floor(random() * 256);
        return [bytes];
      },
    });
    await pass(4 * stepMs);
    assert.ok(server.asked.length <= maxQuestions);
  }
  list([1, 2, 3]);
  await becomes("1,2,3");
});
