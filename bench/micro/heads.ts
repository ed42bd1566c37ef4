/**
 * What parsing a head costs, in nanoseconds: a small and a browser's request, a small and a typical response.
 * Usage: node bench/micro/heads.ts
 */
import { parsed, parseRequestHead } from "../../src/http1/syntax/request-parser.ts";
import { parsedResponse, parseResponseHead } from "../../src/http1/syntax/response-parser.ts";
import { median } from "../macro/statistics.ts";

const limits = { headBytes: 16 * 1024, headFields: 100, isLenient: false };
const repetitions = 20_000;

const requests: Record<string, string> = {
  "small request": "GET /small HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n",
  "browser's request":
    "GET /api/v1/users/42?page=3&sort=name HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n" +
    "Referer: https://www.example.com/start\r\nCookie: sid=31d4d96e407aad42; theme=dark; consent=1\r\nConnection: keep-alive\r\n" +
    "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nUpgrade-Insecure-Requests: 1\r\nPriority: u=0, i\r\n\r\n",
};

const responses: Record<string, string> = {
  "small response":
    "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 01 Jan 2029 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 23\r\nConnection: keep-alive\r\n\r\n",
  "application's response":
    "HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2029 00:00:00 GMT\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n" +
    'Vary: Accept-Encoding, Origin\r\nETag: W/"5f1-9kq2Zr8m3bT7wQ"\r\nCache-Control: private, max-age=0, must-revalidate\r\n' +
    "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\nX-Content-Type-Options: nosniff\r\n" +
    "Set-Cookie: sid=31d4d96e407aad42; Path=/; HttpOnly; Secure; SameSite=Lax\r\nSet-Cookie: theme=dark; Path=/\r\nConnection: keep-alive\r\n\r\n",
};

function parseRequest(bytes: Buffer): boolean {
  parseRequestHead(bytes, 0, bytes.length, limits, false);
  return parsed.head !== null && parsed.next === bytes.length;
}

function parseResponse(bytes: Buffer): boolean {
  parseResponseHead(bytes, 0, bytes.length, limits, false);
  return parsedResponse.head !== null && parsedResponse.next === bytes.length;
}

function measure(name: string, text: string, parse: (bytes: Buffer) => boolean): void {
  const bytes = Buffer.from(text, "latin1");
  const rounds: number[] = [];
  for (let round = -3; round < 15; round++) {
    const started = performance.now();
    for (let count = 0; count < repetitions; count++) if (!parse(bytes)) throw new Error(`${name} was not parsed`);
    if (round >= 0) rounds.push(((performance.now() - started) * 1e6) / repetitions);
  }
  console.log(
    `${name}, ${bytes.length} bytes: ${median(rounds).toFixed(0)} ns (best ${Math.min(...rounds).toFixed(0)})`,
  );
}

for (const [name, text] of Object.entries(requests)) measure(name, text, parseRequest);
for (const [name, text] of Object.entries(responses)) measure(name, text, parseResponse);
