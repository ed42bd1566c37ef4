/**
 * The origin of `cache-mix.ts`: objects that say which they are, of which version, and whether they are whole. For a few
 * seconds in ten it fails in all ways that there are.
 */
import { createHash } from "node:crypto";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const objectCount = 1_500;
export const groupCount = 20;
const sizes = [200, 2_000, 10_000, 70_000, 300_000];
const sumLength = 64;

/** What a body says of itself; null: it is torn. */
export interface ReadObject {
  readonly path: string;
  readonly side: string;
  readonly version: number;
}

export const pathOf = (object: number): string => `/g${object % groupCount}/${object}`;

const sumOf = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

function bodyOf(object: number, side: string, version: number): Buffer {
  const line = `${pathOf(object)} ${side} ${version}\n`;
  const rest = Buffer.alloc(line.length + sizes[object % sizes.length]!, line);
  return Buffer.concat([Buffer.from(sumOf(rest)), rest]);
}

/** Reads a whole body. */
export function readObject(body: Buffer): ReadObject | null {
  const rest = body.subarray(sumLength);
  if (body.latin1Slice(0, sumLength) !== sumOf(rest)) return null;
  const [path = "", side = "", version = ""] = rest.latin1Slice(0, rest.indexOf("\n")).split(" ");
  return { path, side, version: Number(version) };
}

/** A running origin. */
export class MixOrigin {
  /** Of each object; what is answered is read when the request comes, and sent some time later. */
  readonly versions = new Uint32Array(objectCount).fill(1);
  isFailing = false;
  requests = 0;
  readonly #server: Server;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
    this.#server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
      this.requests++;
      const object = Number((request.url ?? "").split("/")[2]);
      const side = object % 13 === 0 ? String(request.headers["x-side"]) : "-";
      const body = bodyOf(object, side, this.versions[object]!);
      setTimeout(() => this.#answer(response, object, body), this.#random() * 30);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #answer(response: ServerResponse, object: number, body: Buffer): void {
    const fault = this.isFailing ? this.#random() : 1;
    if (fault < 0.2) return void response.destroy();
    if (fault < 0.5) return void response.writeHead(503, { "content-length": 4 }).end("down");
    const isPrivate = object % 17 === 0;
    response.writeHead(200, {
      "cache-control": isPrivate ? "private" : "max-age=600",
      "cache-tag": `g${object % groupCount}`,
      ...(object % 13 === 0 && { vary: "x-side" }),
      // Every eleventh is sent in chunks of unknown number.
      ...(object % 11 !== 0 && { "content-length": body.length }),
    });
    if (fault >= 0.75) return void response.end(body);
    response.write(body.subarray(0, body.length >> 1));
    setTimeout(() => response.destroy(), 5);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
