/**
 * A network of its own (`unshare -n`) with small kernel buffers, for tests of slow peers: elsewhere the kernel takes
 * megabytes at once, and no test is as patient as that. It needs Linux and root; elsewhere the tests are skipped, and
 * say so.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const marker = "MILLRACE_TEST_SMALL_NETWORK";
// A receiver opens its window when half of its buffer is free: one that grew, as it does behind a peer that makes up for
// lost time, would open it more seldom than the tests are patient.
const buffers = 'net.ipv4.tcp_wmem="4096 16384 131072" net.ipv4.tcp_rmem="4096 16384 32768"';
const prepare = `ip link set lo up && sysctl -qw ${buffers}`;

/**
 * Defines the tests of the file `url` if this process is in such a network; else one test that runs the file in one.
 */
export function inSmallNetwork(url: string, define: () => void): void {
  if (process.env[marker] === "1") return define();
  const isPossible = process.platform === "linux" && spawnSync("unshare", ["-n", "sh", "-c", prepare]).status === 0;
  test("in a network with small buffers", {
    skip: !isPossible && "needs Linux, root, unshare, ip and sysctl",
  }, async () => {
    const command = `${prepare} && exec "$0" --test --test-timeout=120000 --test-reporter=spec "$1"`;
    // Not as a child of this test run, whose protocol it would be made to speak.
    const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
    const child = spawn("unshare", ["-n", "sh", "-c", command, process.execPath, fileURLToPath(url)], {
      env: { ...environment, [marker]: "1" },
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    const [code] = (await once(child, "close")) as [number | null];
    assert.equal(code, 0, output);
    assert.match(output, /pass [1-9]/, "some tests were run");
  });
}
