/**
 * Makes wires of UDP to endpoints. Nothing is sent to connect: that an endpoint is not there shows, if at all, by an
 * error of the network (ECONNREFUSED) when something was sent, and is no reason to end a session: the next datagram may
 * find it there.
 */
import { createSocket, type Socket } from "node:dgram";
import { ipVersion } from "../base/ip-address.ts";
import { DatagramSocket } from "./datagram-socket.ts";
import type { DialTarget } from "./dial-target.ts";
import type { Dialer, Dialling, WireTaker } from "./dialer.ts";
import { socketShortage } from "./socket-shortage.ts";
import { SocketWire, type WireHost } from "./socket-wire.ts";

/** Makes wires whose reads and writes are datagrams. */
export class DatagramDialer implements Dialer {
  readonly #host: WireHost;

  constructor(onInternalError: (error: unknown) => void) {
    this.#host = { onInternalError, onWireClosed() {} };
  }

  dial(target: DialTarget, taker: WireTaker): Dialling {
    if ("path" in target) throw new Error("datagrams do not go to Unix sockets");
    return new DatagramDialling(target, taker, this.#host);
  }
}

class DatagramDialling implements Dialling {
  readonly isHandshaking = false;
  readonly #taker: WireTaker;
  readonly #host: WireHost;
  readonly #socket: Socket;
  readonly #target: { readonly host: string; readonly port: number };
  #isOver = false;

  constructor(target: { readonly host: string; readonly port: number }, taker: WireTaker, host: WireHost) {
    this.#target = target;
    this.#taker = taker;
    this.#host = host;
    this.#socket = createSocket(ipVersion(target.host) === 6 ? "udp6" : "udp4");
    this.#socket.on("error", (error) => this.#onError(error));
    this.#socket.connect(target.port, target.host, () => this.#onConnected());
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.close();
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.#isOver) return;
    this.cancel();
    const shortage = socketShortage(error.code, "tcp");
    this.#taker.onDialFailed({ shortage, tls: null, detail: error.code ?? error.message }, this);
  }

  #onConnected(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const socket = this.#socket;
    const { host, port } = this.#target;
    const peer = new DatagramSocket(
      { address: host, port },
      {
        send: (datagram) => socket.send(datagram, ignoreError),
        localEnd: () => socket.address(),
        onClosed: () => socket.close(),
      },
    );
    socket.on("message", (datagram) => peer.take(datagram));
    const origin = { peerAddress: host, peerPort: port, scheme: "http", tls: null } as const;
    const wire = new SocketWire(peer, origin, this.#host);
    try {
      this.#taker.onWire(wire, this);
    } catch (error) {
      this.#host.onInternalError(error);
      wire.destroy();
    }
  }
}

/** What is lost is lost. */
function ignoreError(): void {}
