/** As `http1-speaker.ts`, over TLS. */
import { createConnection, type NetConnectOpts, type Socket } from "node:net";
import { connect, createSecureContext } from "node:tls";
import { Http1Speaker } from "./http1-speaker.ts";
import { RawClient } from "./raw-client.ts";
import type { ClientProtocol } from "./speaker.ts";
import { authority, serverFiles } from "./tls-files.ts";

const secureContext = createSecureContext({ ca: authority.root });

/** One connection, encrypted. */
class SecureClient extends RawClient {
  readonly #below: Socket;

  private constructor(socket: Socket, below: Socket) {
    super(socket);
    this.#below = below;
  }

  /** As `RawClient.connect`; the handshake is done then. */
  static async secure(target: number | NetConnectOpts): Promise<SecureClient> {
    const where = typeof target === "number" ? { port: target, host: "127.0.0.1" } : target;
    const below = createConnection({ ...where, allowHalfOpen: true, noDelay: true } as NetConnectOpts);
    const socket = connect({ socket: below, secureContext, servername: "localhost", ALPNProtocols: ["http/1.1"] });
    const client = new SecureClient(socket, below);
    await new Promise<void>((resolve, reject) => {
      below.once("error", reject);
      below.once("connect", () => below.removeListener("error", reject));
      socket.once("secureConnect", resolve);
      // As a connection without TLS that is turned away: it is over.
      socket.once("close", () => resolve());
    });
    return client;
  }

  override reset(): void {
    this.#below.resetAndDestroy();
  }
}

/** HTTP/1.1 over TLS. */
export const https1Client: ClientProtocol = {
  name: "HTTP/1.1 over TLS",
  scheme: "https",
  listener: { tls: { certificates: [serverFiles] } },
  connect: async (target) => new Http1Speaker(await SecureClient.secure(target)),
};
