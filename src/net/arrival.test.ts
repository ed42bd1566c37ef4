import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { lookForArrival } from "./arrival.ts";
import { descriptorOf } from "./node-internals.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-arrival-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The other end, in a process of its own: what it does happens while this thread does not poll. */
const peerProgram = (act: string): string => `
import { connect } from "node:net";
const socket = connect(JSON.parse(process.argv[1]));
socket.on("connect", () => { ${act}; console.log("done"); });
socket.on("error", () => {});
setInterval(() => {}, 1000);
`;

/** Holds this thread up, as a long computation does, until `isOver`. */
function stall(isOver: () => boolean): void {
  const untilMs = performance.now() + 20_000;
  while (!isOver() && performance.now() < untilMs);
}

for (const [place, listen] of [
  ["TCP", { port: 0, host: "127.0.0.1" }],
  ["a Unix socket", { path: join(folder, "a.sock") }],
] as const) {
  for (const [what, act] of [
    ["a byte", 'socket.write("x")'],
    ["a FIN", "socket.end()"],
    ["a reset", place === "TCP" ? "socket.resetAndDestroy()" : "socket.destroy()"],
  ] as const) {
    test(`${what} that came while nothing was polled is seen, on ${place}`, async () => {
      const server = createServer({ allowHalfOpen: true });
      server.listen(listen);
      await once(server, "listening");
      const address = server.address();
      const accepted = once(server, "connection") as Promise<[Socket]>;
      const target = typeof address === "string" ? { path: address } : { port: address!.port, host: "127.0.0.1" };
      const peer = spawn(
        process.execPath,
        ["--input-type=module", "--eval", peerProgram(`setTimeout(() => { ${act}; }, 200)`), JSON.stringify(target)],
        { stdio: "ignore" },
      );
      try {
        const [socket] = await accepted;
        socket.on("error", () => {});
        assert.equal(lookForArrival(descriptorOf(socket)), "nothing");
        let seen = "";
        stall(() => (seen = lookForArrival(descriptorOf(socket))) !== "nothing");
        assert.equal(seen, "something");
        socket.destroy();
        assert.equal(lookForArrival(descriptorOf(socket)), "unknown");
      } finally {
        peer.kill("SIGKILL");
        server.close();
      }
    });
  }
}

test("of a socket that is not connected nothing is known", () => {
  const socket = connect({ port: 1, host: "127.0.0.1" }).on("error", () => {});
  socket.destroy();
  assert.equal(lookForArrival(descriptorOf(socket)), "unknown");
});
