/** An endpoint over TLS that ends, resets or talks nonsense after so many bytes of its handshake, for many numbers. */
import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { authorityFile } from "../support/tls-endpoint-socket.ts";
import { http1TlsEndpoint } from "../support/http1-endpoint.ts";
import { Endpoint } from "../support/endpoint.ts";
import { testWithHarness } from "../support/harness.ts";

type Fate = "end" | "reset" | "nonsense";

/** More than the handshake of the endpoint is long, tickets included. */
const handshakeBytes = 2_600;
const stepBytes = 149;

for (const fate of ["end", "reset", "nonsense"] as const)
  testWithHarness(
    `an endpoint whose handshake meets its fate (${fate}) costs a failed try, wherever it is`,
    async (harness) => {
      const endpoint = await Endpoint.start(http1TlsEndpoint);
      harness.atEnd(() => endpoint.close());
      const sockets = new Set<Socket>();
      const fault: { at: number; fate: Fate } = { at: 0, fate };
      const relay = createServer((client) => {
        const server = connect(endpoint.port, "127.0.0.1");
        let passed = 0;
        for (const socket of [client, server]) {
          sockets.add(socket);
          socket.on("error", () => {});
          socket.on("close", () => void (client.destroy(), server.destroy()));
        }
        client.on("data", (chunk) => server.write(chunk));
        server.on("data", (chunk: Buffer) => {
          const left = fault.at - passed;
          passed += chunk.length;
          if (left > chunk.length) client.write(chunk);
          else if (left >= 0)
            client.write(chunk.subarray(0, left), () => {
              if (fault.fate === "end") client.end();
              else if (fault.fate === "reset") client.resetAndDestroy();
              else client.write(Buffer.alloc(20_000, "nonsense"));
            });
        });
      });
      await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
      harness.atEnd(() => {
        for (const socket of sockets) socket.destroy();
        relay.close();
      });
      const { port } = relay.address() as { port: number };
      const proxy = await harness.proxy({
        endpoints: [`https://127.0.0.1:${port}`],
        upstream: { tls: { ca: authorityFile }, retry: { attempts: 0 }, outlier: false, timeouts: { connect: "2s" } },
      });
      const client = await harness.speaker();
      const reasons = new Set<string | null>();
      for (fault.at = 0; fault.at <= handshakeBytes; fault.at += stepBytes) {
        const { status, reason } = await client.ask({ method: "POST", body: "x" });
        if (status !== 200) reasons.add(reason);
        assert.ok(status === 200 || status === 502, `${status} ${reason} after ${fault.at} bytes`);
        // The next try needs a connection of its own.
        for (const socket of sockets) socket.destroy();
        sockets.clear();
        await proxy.untilOpen(({ upstreamConnections }) => upstreamConnections === 0, "the connection is gone");
      }
      assert.ok(reasons.has("UPSTREAM_TLS_FAILED"), [...reasons].join());
      for (const reason of reasons)
        assert.match(reason ?? "", /^UPSTREAM_(TLS_FAILED|RESET|TRUNCATED|BAD_RESPONSE)$/, "nothing else is blamed");
      fault.at = Number.MAX_SAFE_INTEGER;
      assert.equal((await client.ask()).status, 200);
    },
  );
