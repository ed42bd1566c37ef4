/**
 * Switching to protocols that a route lets through, as docker, kubectl and Tailscale do it, byte by byte (RFC 9110
 * section 7.8, RFC 9931).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createProxy } from "../../src/index.ts";
import { testWithHarness } from "../support/harness.ts";
import type { RawClient } from "../support/raw-client.ts";
import { eventually, loopTurns } from "../support/signal.ts";
import type { Script, ScriptedUpstream, UpstreamConnection } from "../support/scripted-upstream.ts";
import { valuesOf } from "../support/wire-reader.ts";

interface Parts {
  readonly upstream: ScriptedUpstream;
  readonly client: RawClient;
}

const routes = [
  { match: { path: "/plain/*" }, upstream: "app" },
  {
    match: { path: "/limited" },
    upgrade: ["tcp"],
    middlewares: [{ bodyLimit: { maxRequestBytes: "1B" } }],
    upstream: "app",
  },
  { upgrade: ["websocket", "tcp", "SPDY/3.1", "tailscale-control-protocol"], upstream: "app" },
];

function testSwitching(name: string, script: Script, run: (parts: Parts) => Promise<void>): void {
  testWithHarness(name, async (harness) => run(await harness.rawTrio({ routes }, script)));
}

const upgradeTo = (protocol: string, start = "POST /exec HTTP/1.1", rest = "\r\n"): string =>
  `${start}\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${rest}`;
const switchTo = (protocol: string): string =>
  `HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;
const json = '{"Detach":false,"Tty":true}';
const docker = upgradeTo(
  "tcp",
  "POST /v1.43/exec/abc/start HTTP/1.1",
  `Content-Type: application/json\r\nContent-Length: ${json.length}\r\n\r\n${json}`,
);

const dialogues: readonly (readonly [who: string, request: string, asked: string, answered: string, body: string])[] = [
  ["docker exec", docker, "tcp", "tcp", json],
  [
    "an upload in chunks",
    upgradeTo("tcp", undefined, "Transfer-Encoding: chunked\r\n\r\n1b\r\n" + json + "\r\n0\r\n\r\n"),
    "tcp",
    "tcp",
    json,
  ],
  [
    "kubectl exec",
    upgradeTo("SPDY/3.1", undefined, "Content-Length: 0\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n"),
    "SPDY/3.1",
    "spdy/3.1",
    "",
  ],
  [
    "Tailscale",
    upgradeTo("tailscale-control-protocol"),
    "tailscale-control-protocol",
    "tailscale-control-protocol",
    "",
  ],
  ["a GET", upgradeTo("tcp", "GET /attach HTTP/1.1"), "tcp", "TCP", ""],
];

async function asked(upstream: ScriptedUpstream): Promise<UpstreamConnection> {
  await upstream.until(() => upstream.requests.length === 1, "the endpoint was asked");
  return upstream.connections[0]!;
}

for (const [who, request, token, answered, body] of dialogues) {
  testSwitching(
    `${who}: the request arrives framed, early bytes only after the 101, then bytes pass both ways until both sides end`,
    {},
    async ({ upstream, client }) => {
      client.send(`${request}early`);
      const connection = await asked(upstream);
      await loopTurns(20);
      const { fields, body: received } = connection.requests[0]!;
      assert.deepEqual(
        [valuesOf({ fields }, "upgrade"), valuesOf({ fields }, "connection"), received.toString()],
        [[token], ["Upgrade"], body],
      );
      assert.equal(connection.unread.length, 0, "nothing of the tunnel before it is there");
      connection.send(`${switchTo(answered)}hello`);
      const answer = await client.response();
      assert.deepEqual(
        [answer.status, valuesOf(answer, "upgrade"), valuesOf(answer, "content-type").length],
        [101, [token], 1],
      );
      await client.until(() => client.unread.toString() === "hello", "the endpoint is heard");
      await upstream.until(() => connection.unread.toString() === "early", "what was sent early arrives");
      // It is a tunnel: what looks like a request is none.
      const lookalike = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
      client.send(lookalike);
      await upstream.until(() => connection.unread.toString() === `early${lookalike}`, "bytes pass as they are");
      connection.socket.removeAllListeners("end").on("end", () => {
        connection.isEnded = true;
      });
      client.end();
      await eventually(() => connection.isEnded, "half an end is passed on");
      connection.send("bye");
      connection.end();
      await client.untilOver();
      assert.equal(client.unread.toString(), "hellobye");
      assert.equal(upstream.connections.length, 1);
    },
  );
}

for (const [what, request] of [
  ["a protocol that is not on the list", upgradeTo("irc")],
  ["another version", upgradeTo("spdy/3")],
  ["h2c", upgradeTo("h2c", "GET / HTTP/1.1", "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")],
  ["several protocols", upgradeTo("tcp, spdy/3.1")],
  ["WebSocket with a body", upgradeTo("websocket", "GET / HTTP/1.1", "Content-Length: 1\r\n\r\nx")],
  ["HTTP/1.0", upgradeTo("tcp", "POST / HTTP/1.0", "Content-Length: 1\r\n\r\nx")],
  ["a route that does not let it through", upgradeTo("tcp", "POST /plain/ HTTP/1.1", "Content-Length: 1\r\n\r\nx")],
] as const) {
  testSwitching(
    `${what}: the field is removed, and the request goes on as an ordinary one`,
    { onRequest: (connection) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") },
    async ({ upstream, client }) => {
      client.send(request);
      assert.equal((await client.response()).status, 200);
      const { fields } = upstream.requests[0]!;
      for (const name of ["upgrade", "connection", "http2-settings"])
        assert.deepEqual(valuesOf({ fields }, name), [], name);
      if (what === "HTTP/1.0") return;
      client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
      assert.equal((await client.response()).status, 200, "the connection serves on");
    },
  );
}

for (const [what, request, answer] of [
  ["another protocol than was asked for", docker, switchTo("spdy/3.1")],
  ["WebSocket if that was not asked for", docker, switchTo("websocket")],
  ["no protocol", docker, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n"],
  ["the protocol, unasked", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", switchTo("tcp")],
] as const) {
  testSwitching(
    `an endpoint that switches to ${what} is a bad gateway`,
    { onRequest: (connection) => connection.send(answer) },
    async ({ client }) => {
      client.send(request);
      const { status, body } = await client.response();
      assert.deepEqual([status, body.toString().includes("UPSTREAM_BAD_UPGRADE")], [502, true]);
    },
  );
}

testSwitching(
  "an endpoint that switches before it has all of the request is a bad gateway: the rest would be taken for the tunnel's",
  {
    onData: (connection) => connection.send(switchTo("tcp")),
  },
  async ({ client }) => {
    client.send(docker.slice(0, -5));
    assert.equal((await client.response()).status, 502);
  },
);

for (const [what, path, body, status] of [
  ["an endpoint", "/exec", "", 200],
  ["an endpoint, after a body", "/exec", "x", 200],
  ["the proxy", "/limited", "xx", 413],
] as const) {
  testSwitching(
    `if ${what} refuses to switch, what a client has sent early is no request, and the connection ends`,
    { onRequest: (connection) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") },
    async ({ upstream, client }) => {
      client.send(upgradeTo("tcp", `POST ${path} HTTP/1.1`, `Content-Length: ${body.length}\r\n\r\n${body}`));
      const answer = await client.response();
      assert.deepEqual([answer.status, valuesOf(answer, "connection")], [status, ["close"]]);
      client.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
      await client.untilOver();
      assert.equal(client.unread.length, 0);
      assert.ok(upstream.requests.every(({ target }) => target !== "/smuggled"));
    },
  );
}

for (const protocol of ["h2c", "H2C", "http/2.0", "a b", "spdy/", ""]) {
  test(`a route cannot let ${JSON.stringify(protocol)} through`, async () => {
    await assert.rejects(
      createProxy({
        listeners: [{ address: "127.0.0.1:0" }],
        routes: [{ upgrade: [protocol], upstream: "app" }],
        upstreams: { app: { endpoints: ["http://127.0.0.1:1"] } },
      } as never),
      /never let through|is not the name of a protocol/,
    );
  });
}
