/** The demo's long answers and uploads: events, big bodies, an upload sink. Memory stays flat whatever the size. */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

const chunkBytes = 64 * 1024;

/** Server-sent events, one at once and then one a second, until the client leaves. */
export function answerEvents(response: ServerResponse, backendName: string): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  let count = 0;
  const sendEvent = (): void => {
    count++;
    response.write(`id: ${count}\ndata: {"backend":"${backendName}","event":${count}}\n\n`);
  };
  sendEvent();
  const timer = setInterval(sendEvent, 1000);
  response.once("close", () => clearInterval(timer));
}

/** Reads a whole body and answers with its length and SHA-256. */
export function answerUpload(request: IncomingMessage, response: ServerResponse, backendName: string): void {
  const hash = createHash("sha256");
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  request.on("end", () => {
    const text = `${JSON.stringify({ backend: backendName, bytes, sha256: hash.digest("hex") })}\n`;
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    response.end(text);
  });
}

/** Sends `bytes` bytes of lines, no faster than the client takes them. */
export function answerBig(request: IncomingMessage, response: ServerResponse, bytes: number): void {
  response.writeHead(200, { "content-type": "text/plain", "content-length": bytes });
  if (request.method === "HEAD" || bytes === 0) {
    response.end();
    return;
  }
  const chunk = Buffer.alloc(chunkBytes, "Water turns the wheel, the wheel turns the stone, the stone grinds.\n");
  let left = bytes;
  const sendMore = (): void => {
    while (left > 0) {
      const part = left < chunkBytes ? chunk.subarray(0, left) : chunk;
      left -= part.length;
      if (left === 0) response.end(part);
      else if (!response.write(part)) return;
    }
  };
  response.on("drain", sendMore);
  sendMore();
}
