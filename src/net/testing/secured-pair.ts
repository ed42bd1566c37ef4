/** Two ends of a connection with TLS, for tests: one of ours, made either way, and one of Node's own. */
import { once } from "node:events";
import { createServer, Socket, type Server } from "node:net";
import type { TestContext } from "node:test";
import { connect, createSecureContext, TLSSocket, type ConnectionOptions, type TLSSocketOptions } from "node:tls";
import { BareSocket } from "../bare-socket.ts";
import type { KernelSocket } from "../kernel-socket.ts";
import { onAccepted } from "../node-internals.ts";
import { PlainSocket } from "../plain-socket.ts";
import { acceptTls, dialTls } from "../tls/start-tls.ts";
import type { AcceptTlsOptions, DialTlsOptions, TlsSocket } from "../tls/tls-socket.ts";
import { SocketNotes } from "./socket-notes.ts";
import { TestAuthority } from "./test-authority.ts";

export type Way = "bare" | "plain";
export type Side = "accepted" | "dialled";

export const authority = await TestAuthority.create();
const { cert, key } = await authority.issue({ names: ["a.test"] });
export const serverContext = createSecureContext({ cert, key, ca: authority.root });
export const clientContext = createSecureContext({ ca: authority.root });

/** What is different from the usual. */
export interface PairWish {
  readonly accept?: Partial<AcceptTlsOptions>;
  readonly dial?: Partial<DialTlsOptions>;
  /** Of Node's end. */
  readonly peer?: ConnectionOptions & TLSSocketOptions;
  /** Is given Node's end before the handshake. */
  readonly onPeer?: (peer: TLSSocket) => void;
}

/** A connection before TLS: our end, and Node's. */
export interface RawPair {
  readonly ours: KernelSocket;
  readonly theirs: Socket;
}

/** A connection whose handshake is done, or has failed. */
export interface SecuredPair {
  readonly socket: TlsSocket;
  /** What `socket` has told: first `secure` or `failed: CODE`. */
  readonly notes: SocketNotes;
  readonly peer: TLSSocket;
  /** Node's end below TLS. */
  readonly raw: Socket;
  /** What the peer has received. */
  readonly received: () => string;
}

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}

/** A connection that nothing has been sent on. */
export async function rawPair(t: TestContext, way: Way, side: Side): Promise<RawPair> {
  const { promise, resolve } = Promise.withResolvers<KernelSocket>();
  const theirs = Promise.withResolvers<Socket>();
  if (side === "accepted") {
    const server = createServer({ allowHalfOpen: true }, (socket) => resolve(new PlainSocket(socket)));
    const port = await listen(t, server);
    if (way === "bare") onAccepted(server, (handle) => resolve(BareSocket.accepted(handle)));
    const peer = new Socket({ allowHalfOpen: true }).connect({ port, host: "127.0.0.1" });
    peer.setNoDelay(true);
    theirs.resolve(peer);
  } else {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, theirs.resolve);
    const target = { host: "127.0.0.1", port: await listen(t, server) };
    const socket = way === "bare" ? BareSocket.toConnect(target) : PlainSocket.toConnect();
    socket.startReading();
    socket.connect(target, () => resolve(socket));
  }
  const pair = { ours: await promise, theirs: await theirs.promise };
  pair.theirs.on("error", () => {});
  t.after(() => {
    pair.ours.destroy();
    pair.theirs.destroy();
  });
  return pair;
}

/** Begins the handshake of our end. @param received what it has read already, as the server */
export function secure(
  { ours }: RawPair,
  side: Side,
  wish: PairWish,
  notes: SocketNotes,
  received?: Buffer,
): TlsSocket {
  const starter = {
    onSecure: (socket: TlsSocket) => {
      socket.listener = notes;
      notes.tell("secure");
    },
    onTlsFailed: (error: NodeJS.ErrnoException | null) => notes.tell(`failed: ${error?.code ?? "nothing"}`),
  };
  if (side === "accepted") {
    const options = { secureContext: serverContext, alpn: ["http/1.1"], verify: "none" as const, ocsp: null };
    return acceptTls(ours, { ...options, received: received ?? Buffer.alloc(0), ...wish.accept }, starter);
  }
  const options = { secureContext: clientContext, alpn: ["http/1.1"], serverName: "a.test", session: null };
  return dialTls(ours, { ...options, onSession: null, ...wish.dial }, starter);
}

/** Node's end. */
export function securePeer({ theirs }: RawPair, side: Side, wish: PairWish): TLSSocket {
  const peer =
    side === "accepted"
      ? connect({
          socket: theirs,
          secureContext: clientContext,
          servername: "a.test",
          ALPNProtocols: ["http/1.1"],
          rejectUnauthorized: false,
          ...wish.peer,
        })
      : new TLSSocket(theirs, {
          isServer: true,
          secureContext: serverContext,
          ALPNProtocols: ["http/1.1"],
          ...wish.peer,
        });
  return peer.on("error", () => {}).on("_tlsError", () => {}) as TLSSocket;
}

/** Both ends, when our handshake is over. As the server it has read the first bytes before TLS began. */
export async function securedPair(t: TestContext, way: Way, side: Side, wish: PairWish = {}): Promise<SecuredPair> {
  const pair = await rawPair(t, way, side);
  const notes = new SocketNotes();
  const peer = securePeer(pair, side, wish);
  wish.onPeer?.(peer);
  let received = "";
  peer.on("data", (chunk: Buffer) => void (received += chunk.latin1Slice()));
  let socket: TlsSocket;
  if (side === "accepted") {
    const first = Promise.withResolvers<TlsSocket>();
    pair.ours.listener = {
      ...notes,
      onRead: (byteCount, bytes) =>
        first.resolve(secure(pair, side, wish, notes, Buffer.from(bytes.subarray(0, byteCount)))),
    } as SocketNotes;
    pair.ours.startReading();
    socket = await first.promise;
  } else socket = secure(pair, side, wish, notes);
  await notes.until(() => notes.told.length > 0);
  t.after(() => peer.destroy());
  return { socket, notes, peer, raw: pair.theirs, received: () => received };
}
