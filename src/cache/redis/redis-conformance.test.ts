import { RedisServer, redisCommand } from "../../../test/support/redis-server.ts";
import { testCacheStore } from "../testing/conformance.ts";
import { openStore, TestProcess } from "./testing/redis-store.ts";

if (redisCommand !== null)
  testCacheStore("redis", async ({ purges, maxObjectBytes }) => {
    const server = await RedisServer.start();
    const ends: (() => void)[] = [];
    const context = { after: (run: () => void): void => void ends.push(run) };
    const process = new TestProcess();
    const options = { purges, maxObjectBytes, process };
    const one = await openStore(context, server, { ...options, stripeIndex: 0 });
    const other = await openStore(context, server, { ...options, stripeIndex: 1 });
    return {
      store: one.store,
      other: other.store,
      settle: one.settle,
      async close() {
        for (const end of ends) end();
        await server.close();
      },
    };
  });
