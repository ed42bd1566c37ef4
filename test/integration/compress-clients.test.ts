/** Compressed answers as real clients read them: curl, and the event source of Chromium. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { findCommand } from "../../scripts/install-packages.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { Signal } from "../support/signal.ts";

const run = promisify(execFile);
const chromium = findCommand("chromium");
const text = Array.from({ length: 4_000 }, (_, at) => `${at}: what is said again\n`).join("");

async function startPages(harness: Harness): Promise<string> {
  const origin = await harness.origin((request, response) => {
    response.setHeader("content-type", "text/html");
    if (request.url === "/chunked") response.write(text);
    response.end(text);
  });
  const { url } = await harness.proxy({
    endpoints: [origin.url],
    routes: [{ upstream: "app", middlewares: [{ compress: {} }] }],
  });
  return url;
}

for (const coding of ["zstd", "br", "gzip"])
  testWithHarness(`curl reads what is compressed in ${coding}`, async (harness) => {
    const url = await startPages(harness);
    for (const [path, expected] of [
      ["/whole", text],
      ["/chunked", text + text],
    ]) {
      const { stdout } = await run("curl", [
        "-sS",
        "-i",
        "--compressed",
        "-H",
        `Accept-Encoding: ${coding}`,
        url + path,
      ]);
      const end = stdout.indexOf("\r\n\r\n");
      assert.ok(stdout.slice(0, end).includes(`Content-Encoding: ${coding}`));
      assert.ok(stdout.slice(end + 4) === expected);
    }
  });

const eventCount = 10;
const page = `<script>
  new EventSource("/events").onmessage = ({ data }) => fetch("/got?" + data);
</script>`;

for (const coding of ["zstd", "br", "gzip"])
  testWithHarness(
    `Chromium reads each event in ${coding} before the next one is sent`,
    async (harness) => {
      const signal = new Signal();
      const got: string[] = [];
      let send: (event: number) => void = () => {};
      const origin = await harness.origin(({ url = "" }, response) => {
        if (url === "/events") {
          response.writeHead(200, { "content-type": "text/event-stream" });
          send = (event) => response.write(`data: ${event}\n\n`);
          send(0);
        } else if (url.startsWith("/got?")) {
          got.push(url.slice(5));
          response.writeHead(204).end();
          if (got.length < eventCount) send(got.length);
          signal.notify();
        } else response.writeHead(200, { "content-type": "text/html" }).end(page);
      });
      const proxy = await harness.proxy({
        endpoints: [origin.url],
        routes: [{ upstream: "app", middlewares: [{ compress: { codings: [coding] } }] }],
      });
      const browser = spawn(
        chromium!,
        [
          ...[
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-port=0",
          ],
          `--user-data-dir=${await harness.folder()}`,
          proxy.url,
        ],
        { stdio: "ignore" },
      );
      const ended = once(browser, "exit");
      harness.endWithClients(() => browser.kill());
      await signal.until(() => got.length === eventCount, "all events were read");
      browser.kill();
      await ended;
      assert.deepEqual(
        got,
        Array.from({ length: eventCount }, (_, event) => String(event)),
      );
      await proxy.untilQuiet();
      assert.deepEqual((await proxy.metrics()).by("millrace_compressed_answers_total", "coding"), { [coding]: 1 });
    },
    { skip: chromium === null ? "chromium is not installed" : false },
  );
