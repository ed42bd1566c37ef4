import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import { hasListener, isPortListenedOn } from "./listening-ports.ts";

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1F91 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
`;

test("only a listener's own port counts", () => {
  for (const [port, expected] of [[0x1f90, true], [0x1f91, false], [0x9c40, false], [0x90, false], [0, false]] as const) assert.equal(hasListener(table, port), expected, String(port));
  assert.equal(hasListener("", 80), false);
});

test("a port is listened on as long as somebody listens, whatever connections there are", { skip: process.platform !== "linux" && "the table is Linux's" }, async () => {
  for (const host of ["127.0.0.1", "::"]) {
    const server = createServer((socket) => socket.destroy()).listen(0, host);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    assert.equal(await isPortListenedOn(port), true);
    const client = connect(port, host === "::" ? "::1" : host);
    client.on("error", () => {});
    await once(client, "close");
    server.close();
    await once(server, "close");
    assert.equal(await isPortListenedOn(port), false);
  }
});
