/**
 * A socket that takes datagrams and gives whoever sends them, by address and port, as a connection of its own to a
 * taker. It goes on for the connections that there are when it takes no new ones.
 *
 * Anybody can send datagrams in the name of others. Only who sends again after an answer has read it, perhaps: until
 * then a client may be nobody. If there is no room for another client, the oldest of those gives way to it, so that a
 * flood of false names shuts nobody out who gets an answer before that many false names have come.
 */
import { createSocket, type Socket } from "node:dgram";
import { ipVersion } from "../base/ip-address.ts";
import { DatagramSocket } from "./datagram-socket.ts";
import { formatListenAddress, type UdpListenAddress } from "./listen-address.ts";
import type { AcceptingSocket, ConnectionTaker } from "./listening-socket.ts";
import { canSharePorts } from "./shared-ports.ts";

/** Room in the kernel for what comes at once, if the system allows so much (`net.core.rmem_max`). */
const recvBufferSize = 4 * 1024 * 1024;
/** Bytes that the kernel has not taken yet, of all clients together; what is more is lost. */
const maxQueuedBytes = 4 * 1024 * 1024;

/** Takes the datagrams that come to one address. */
export class DatagramListener implements AcceptingSocket {
  readonly address: UdpListenAddress;
  readonly #socket: Socket;
  readonly #clients = new Map<string, DatagramSocket>();
  /** Those that may be nobody, the oldest first. */
  readonly #unproven = new Set<DatagramSocket>();
  #taker: ConnectionTaker | null = null;
  #isBound = false;
  #isClosing = false;

  constructor(address: UdpListenAddress) {
    this.address = address;
    // Every address of the machine is those of IPv4, too.
    const isIpv6 = address.host === null || ipVersion(address.host) === 6;
    this.#socket = createSocket({ type: isIpv6 ? "udp6" : "udp4", reusePort: canSharePorts(), recvBufferSize });
    this.#socket.on("message", (datagram, { address: host, port }) => this.#take(datagram, host, port));
  }

  get key(): string {
    return formatListenAddress(this.address);
  }

  get port(): number {
    return this.#isBound ? this.#socket.address().port : 0;
  }

  get host(): string {
    return this.#isBound ? this.#socket.address().address : "";
  }

  async listen(port: number | null): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = this.#socket;
    socket.once("error", reject);
    const { host } = this.address;
    socket.bind({ port: port ?? this.address.port, exclusive: true, ...(host !== null && { address: host }) }, resolve);
    try {
      await promise;
    } catch (error) {
      throw Object.assign(error as Error, { address: this.key });
    }
    this.#isBound = true;
    socket.removeListener("error", reject);
    socket.on("error", (error) => this.#taker?.onSocketError("cannot take datagrams", error));
  }

  giveTo(taker: ConnectionTaker): void {
    this.#taker = taker;
  }

  setMode(): void {}

  /** Takes no new clients. */
  close(): void {
    this.#isClosing = true;
    this.#closeIfEmpty();
  }

  #closeIfEmpty(): void {
    if (!this.#isClosing || this.#clients.size > 0 || !this.#isBound) return;
    this.#isBound = false;
    this.#socket.close();
  }

  #take(datagram: Buffer, host: string, port: number): void {
    const key = `${host} ${port}`;
    let client = this.#clients.get(key);
    if (client === undefined) {
      if (this.#isClosing || this.#taker === null) return;
      client = this.#admit(this.#taker, { key, host, port });
    } else if (client.bytesWritten > 0 && !client.isProven) {
      client.isProven = true;
      this.#unproven.delete(client);
    }
    client.take(datagram);
  }

  /** @returns a socket that is destroyed already if there is no room */
  #admit(taker: ConnectionTaker, peer: DatagramPeer): DatagramSocket {
    const client = this.#open(peer);
    if (taker.onConnection(client)) return client;
    const oldest = this.#unproven.values().next().value;
    if (oldest === undefined) return client;
    oldest.giveWay();
    const next = this.#open(peer);
    taker.onConnection(next);
    return next;
  }

  #open({ key, host, port }: DatagramPeer): DatagramSocket {
    const socket = this.#socket;
    const client: DatagramSocket = new DatagramSocket(
      { address: host, port },
      {
        send: (datagram) => {
          if (this.#isBound && socket.getSendQueueSize() < maxQueuedBytes)
            socket.send(datagram, port, host, ignoreError);
        },
        localEnd: () => (this.#isBound ? socket.address() : null),
        onClosed: () => {
          this.#clients.delete(key);
          this.#unproven.delete(client);
          this.#closeIfEmpty();
        },
      },
    );
    this.#clients.set(key, client);
    this.#unproven.add(client);
    return client;
  }
}

/** Who sent a datagram. */
interface DatagramPeer {
  readonly key: string;
  readonly host: string;
  readonly port: number;
}

/** What is lost is lost. */
function ignoreError(): void {}
