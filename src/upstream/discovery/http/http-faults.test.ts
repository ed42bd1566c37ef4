import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { ManualScheduler } from "../../../base/scheduler.ts";
import { FaultyLink } from "../testing/faulty-link.ts";
import { discoveryContext, Told } from "../testing/told.ts";
import { HttpDiscovery } from "./http-discovery.ts";
import { httpDiscoverySchema } from "./options.ts";

const timeoutMs = 5_000;

for (const fault of ["close", "garbage", "silence"] as const)
  test(`an answer that ends in ${fault} after any number of bytes changes nothing`, async (context) => {
    let list = '["http://a:1"]';
    const server = createServer((_request, answer) => void answer.setHeader("etag", '"1"').end(list));
    const listening = Promise.withResolvers<void>();
    server.listen(0, "127.0.0.1", listening.resolve);
    await listening.promise;
    const link = await FaultyLink.open({ host: "127.0.0.1", port: (server.address() as AddressInfo).port }, 0);
    const scheduler = new ManualScheduler();
    const options = httpDiscoverySchema.parse({ url: `http://127.0.0.1:${link.port}/`, interval: "1s" });
    const discovery = new HttpDiscovery(options, discoveryContext({ scheduler, random: () => 0 }));
    context.after(async () => {
      discovery.close();
      assert.equal(scheduler.pendingCount, 0);
      await link.close();
      server.closeAllConnections();
      server.close();
    });
    const told = new Told();
    const first = told.next(/^/);
    discovery.start(told);
    assert.equal(await first, "?a");
    list = '["http://a:1","http://b:1","http://c:1"]';
    link.fault = fault;
    for (let bytes = 0; ; bytes++) {
      link.limit = bytes;
      link.drop();
      const word = told.next(/^/);
      const { spoilt } = link;
      scheduler.advance(1_000);
      const { length } = told.words;
      const isTold = (): boolean => told.words.length > length;
      while (link.spoilt === spoilt && !isTold()) await new Promise(setImmediate);
      // Garbage behind a status may be the reason of it, which does not end: that is silence, too.
      for (let turn = 0; turn < 50 && !isTold(); turn++) await new Promise(setImmediate);
      if (!isTold()) scheduler.advance(timeoutMs);
      const heard = await word;
      if (told.snapshots.length > 1) {
        assert.equal(heard, "?a,b,c");
        // Its shortest head has some hundred bytes.
        assert.ok(bytes > 100 + list.length, "nothing less than the whole answer counts");
        break;
      }
      assert.match(heard, /^! 127\.0\.0\.1/);
    }
  });
