/** The endpoint's end of a connection over TLS, for servers of tests that stand on sockets. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket, type TLSSocketOptions } from "node:tls";

const folder = join(import.meta.dirname, "certificates");

/** The path of the authority that has issued the certificate of endpoints. */
export const authorityFile = join(folder, "authority.pem");

/** The certificate of endpoints, and its key: for `localhost`, `*.test` and this machine's own addresses. */
export const endpointCertificate = {
  cert: readFileSync(join(folder, "endpoint.pem")),
  key: readFileSync(join(folder, "endpoint.key")),
};

let context: SecureContext | null = null;

/** A socket of Node's own that can be reset as a plain one. */
export class TlsEndpointSocket extends TLSSocket {
  readonly #below: Socket;

  constructor(socket: Socket, options: TLSSocketOptions = {}) {
    context ??= createSecureContext(endpointCertificate);
    super(socket, {
      isServer: true,
      allowHalfOpen: true,
      secureContext: context,
      ALPNProtocols: ["http/1.1"],
      ...options,
    } as TLSSocketOptions);
    this.#below = socket;
  }

  override resetAndDestroy(): this {
    this.#below.resetAndDestroy();
    return this.destroy();
  }

  /** Ends it as an attacker would: by a FIN without TLS's own end before it. */
  endUncleanly(): void {
    this.#below.end();
  }
}
