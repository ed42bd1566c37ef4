/**
 * The connection of a health check, in the control thread: a socket of Node's own, plain or over TLS. With TLS it is as
 * strict as the data path, by the same rules: nothing is asked of an endpoint that does not prove who it is.
 */
import { connect, type LookupFunction, type Socket } from "node:net";
import { http1Alpn } from "../../http1/alpn.ts";
import { clientContextOf } from "../../net/tls/client-context.ts";
import { nodeTls } from "../../net/tls/node-tls.ts";
import { writeProxyHeader } from "../../net/proxy-protocol/write-header.ts";
import { type PeerName, serverNameOf } from "../../net/tls/peer-name.ts";
import { judgePeer, toTlsFailure } from "../../net/tls/peer-verdict.ts";
import { type EndpointTls, peerNameOf } from "../endpoint-tls.ts";
import type { EndpointSpec } from "../endpoint.ts";

/** Who has a socket opened. */
export interface CheckSocketHost {
  /** It may be written to; with TLS, the endpoint has proved who it is. */
  onReady(): void;
  /** The endpoint has not; the socket is closed. @param reason in words, without text of the endpoint's */
  onRefused(reason: string): void;
}

/** Opens a connection to `endpoint`. @param lookup resolves its name; null = the system */
export function openCheckSocket(endpoint: EndpointSpec, lookup: LookupFunction | null, host: CheckSocketHost): Socket {
  const { socketPath, port, tls = null, proxyProtocol = null } = endpoint;
  const address = { host: endpoint.host ?? "", port, ...(lookup && { lookup }) };
  const socket = connect(socketPath === null ? address : { path: socketPath });
  // A check is for no client.
  if (proxyProtocol !== null) socket.write(writeProxyHeader(proxyProtocol, null));
  if (tls !== null && endpoint.host !== null) return secure(socket, peerNameOf(endpoint.host, tls), { tls, host });
  socket.once("connect", () => host.onReady());
  return socket;
}

function secure(
  below: Socket,
  name: PeerName,
  { tls, host }: { readonly tls: EndpointTls; readonly host: CheckSocketHost },
): Socket {
  const serverName = serverNameOf(name);
  const socket = nodeTls().connect({
    socket: below,
    secureContext: clientContextOf(tls.texts, tls.minVersion),
    ...(serverName !== null && { servername: serverName }),
    ALPNProtocols: [http1Alpn],
    // Both are judged below.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  below.on("error", (error) => socket.destroy(error));
  socket.once("secureConnect", () => {
    // The types say Error; it is the code (nodejs/node, `lib/internal/tls/wrap.js`).
    const chainError = (socket.authorizationError as unknown as string | null | undefined) ?? null;
    const certificate = socket.getPeerX509Certificate() ?? null;
    const failure = tls.verify ? judgePeer({ chainError, certificate }, name) : null;
    if (failure === null) host.onReady();
    else {
      host.onRefused(`TLS: ${failure.detail}`);
      socket.destroy();
    }
  });
  return socket;
}

/** What an error of such a socket says about TLS; null = nothing, it is one of the connection. */
export function tlsReasonOf(error: NodeJS.ErrnoException): string | null {
  if (error.code?.startsWith("ERR_SSL_") !== true) return null;
  const { kind, detail } = toTlsFailure(error);
  return kind === "refused" ? `TLS: our certificate is refused (${detail})` : `TLS: ${detail}`;
}
