/** Clients of TLS by Node.js, for tests that look at handshakes. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import type { Harness } from "./harness.ts";
import { authority } from "./tls-files.ts";

/** Connects; resolves when the handshake is done, and rejects with what ended it. The name is `a.test`. */
export async function secure(
  harness: Harness,
  { port }: { readonly port: number },
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const client = connect({ port, host: "127.0.0.1", ca: authority.root, servername: "a.test", ...options });
  harness.endWithClients(() => client.destroy());
  await once(client, "secureConnect");
  client.on("error", () => {});
  return client;
}

/** Asks once, and waits for the end of the connection. @returns all that came */
export async function askOnce(client: TLSSocket, host = "a.test", lines = ""): Promise<string> {
  client.write(`GET /x?y HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${lines}\r\n`);
  let text = "";
  for await (const chunk of client) text += String(chunk);
  return text;
}

/** Sends bytes without TLS. @returns what comes back, until the end */
export async function sendPlain(
  { port }: { readonly port: number },
  bytes: Buffer | string,
  then: "end" | "wait" = "wait",
): Promise<Buffer> {
  const client = connectTcp({ port, host: "127.0.0.1", allowHalfOpen: true });
  client.on("error", () => {});
  client.write(bytes);
  if (then === "end") client.end();
  const chunks: Buffer[] = [];
  for await (const chunk of client) chunks.push(chunk as Buffer);
  client.destroy();
  return Buffer.concat(chunks);
}

/** What is in the files of a certificate. */
export const textsOf = ({ cert, key }: { cert: string; key: string }): { cert: string; key: string } => ({
  cert: readFileSync(cert, "utf8"),
  key: readFileSync(key, "utf8"),
});
