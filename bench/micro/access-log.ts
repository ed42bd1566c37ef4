/**
 * What an access log line costs, formatting alone and with the batched writer (to /dev/null).
 * Run: node bench/micro/access-log.ts
 */
import { type ClientSide, Exchange } from "../../src/http/exchange.ts";
import { RequestHead } from "../../src/http/message.ts";
import { compileAccessLogFormat } from "../../src/observe/access-log-format.ts";
import { fullBlockBytes, LineBlock } from "../../src/observe/line-block.ts";
import { AccessLog } from "../../src/observe/access-log.ts";
import { AccessLogFiles } from "../../src/observe/access-log-files.ts";
import { silentWarnings } from "../../src/observe/repeated-warning.ts";
import { QueryRedactor } from "../../src/observe/query-redactor.ts";

const text =
  "GET /api/v1/users/42?page=3&sort=name HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
  "Accept: text/html,application/xhtml+xml\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nReferer: https://www.example.com/start\r\nCookie: sid=secret\r\nConnection: keep-alive\r\n\r\n";

function makeExchange(at: number): Exchange {
  const request = new RequestHead();
  const head = `${text}${at}`.slice(0, text.length);
  request.text = head;
  request.fieldsStart = head.indexOf("\r\n") + 2;
  request.method = head.slice(0, 3);
  request.target = head.slice(4, head.indexOf(" ", 4));
  request.authority = "api.example.com";
  const exchange = new Exchange(request, null as unknown as ClientSide, {
    listenerName: ":8080",
    scheme: "http",
    peerAddress: "192.0.2.7",
    peerPort: 40_000 + at,
  });
  exchange.requestId = `0198f2c4-7d1e-7c3a-9b1e-${String(at).padStart(12, "0")}`;
  exchange.record.routeName = "api";
  exchange.record.upstreamName = "api";
  exchange.record.endpointName = "http://127.0.0.1:8081";
  exchange.record.status = 200;
  exchange.record.attempts = 1;
  exchange.record.startedWallMs = 1_700_000_000_000 + at;
  exchange.record.startedMs = 1000 + at / 7;
  exchange.record.headCompleteMs = exchange.record.startedMs + 0.01;
  exchange.record.attemptStartedMs = exchange.record.startedMs + 0.02;
  exchange.record.connectedMs = exchange.record.startedMs + 0.03;
  exchange.record.firstByteMs = exchange.record.startedMs + 0.4;
  exchange.record.endedMs = exchange.record.startedMs + 0.5;
  exchange.record.responseBodyBytes = 1234;
  return exchange;
}

const exchanges = Array.from({ length: 256 }, (_, at) => makeExchange(at));

async function measure(name: string, run: (exchange: Exchange) => void): Promise<void> {
  const iterations = 20_000;
  let best = Infinity;
  for (let round = 0; round < 25; round++) {
    const start = process.cpuUsage();
    for (let at = 0; at < iterations; at++) run(exchanges[at & 255]!);
    // Lets the destination write, and counts its work, too.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const used = process.cpuUsage(start);
    best = Math.min(best, (used.user + used.system) / iterations);
  }
  console.log(`${name.padEnd(40)} ${best.toFixed(2).padStart(8)} µs of CPU`);
}

let sink = 0;
const redactor = new QueryRedactor();
for (const format of ["json", "common", "combined", "template"] as const) {
  const compiled = compileAccessLogFormat(
    format,
    format === "template" ? "{time} {clientIp} {method} {target} {status} {totalMs}" : null,
    redactor,
  );
  const block = new LineBlock();
  await measure(`format ${format}`, (exchange) => {
    compiled(exchange, block);
    if (block.end >= fullBlockBytes) block.end = 0;
    sink += block.end;
  });
}
const files = new AccessLogFiles(silentWarnings);
await files.prepare("/dev/null");
files.commit();
const log = new AccessLog({ format: "json", template: null, queryAllow: null, path: "/dev/null" }, (...batch) => {
  files.write(...batch);
  return true;
});
await measure("format json and write", (exchange) => log.record(exchange));
log.flush();
await files.close();
if (files.lost > 0) console.log(`${files.lost} lines were lost`);
if (sink === 0) console.log("nothing was formatted");
