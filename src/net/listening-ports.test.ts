import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { endianness, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findListeners, findOwnSockets, readListeners, readListeningPart } from "./listening-ports.ts";

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1F91 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
`;

test("only a listener's own port counts", {
  skip: endianness() !== "LE" && "the fixture is of a little-endian machine",
}, () => {
  for (const [port, hosts] of [
    [0x1f90, ["127.0.0.1"]],
    [0x1f91, []],
    [0x9c40, []],
    [0x90, []],
    [0, []],
  ] as const)
    assert.deepEqual(
      readListeners(table, port).map(({ host }) => host),
      hosts,
      String(port),
    );
  assert.deepEqual(readListeners("", 80), []);
});

test("of a table, no more is read than lists listening sockets", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-sockets-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "tcp");
  const [heading = "", listener = "", connection = ""] = table.split("\n");
  const write = (listeners: number, connections: number): void =>
    writeFileSync(
      file,
      [heading, ...Array(listeners).fill(listener), ...Array(connections).fill(connection), ""].join("\n"),
    );
  write(1_000, 50_000);
  const part = await readListeningPart(file);
  assert.equal(readListeners(part, 0x1f90).length, endianness() === "LE" ? 1_000 : 0);
  assert.ok(part.length < 250_000, String(part.length));
  write(3, 0);
  assert.equal(readListeners(await readListeningPart(file), 0x1f90).length, endianness() === "LE" ? 3 : 0);
  write(0, 0);
  assert.equal(await readListeningPart(file), `${heading}\n`);
});

test("who listens on a port is found, and whether it is we", {
  skip: process.platform !== "linux" && "the table is Linux's",
}, async () => {
  for (const host of ["127.0.0.1", "::", "::1"]) {
    const server = createServer((socket) => socket.destroy()).listen(0, host);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const [found, ...others] = (await findListeners(port)) ?? [];
    assert.deepEqual(others, []);
    assert.equal(found?.host, host === "::1" ? "0:0:0:0:0:0:0:1" : host);
    assert.ok((await findOwnSockets()).has(found?.inode ?? ""));
    const client = connect(port, host === "::" ? "::1" : host);
    client.on("error", () => {});
    await once(client, "close");
    server.close();
    await once(server, "close");
    assert.deepEqual(await findListeners(port), [], "connections of the past do not count");
  }
});
