/**
 * A name server on the loopback interface, over UDP and TCP (RFC 1035), whose answers a test writes and changes while
 * it runs.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** What it knows of a name. */
export interface Entry {
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  /** Another name of which this is an alias; both must be known. */
  readonly cname?: string;
  /** Seconds; default 30. */
  readonly ttl?: number;
  /** `silent`: no answer at all; else the response code: 2 = server failure, 3 = no such name, 5 = refused. */
  readonly failure?: number | "silent";
  /** The same for AAAA alone. */
  readonly failure6?: number | "silent";
  /** Over UDP the answer does not fit and the question must be asked over TCP. */
  readonly isTruncated?: boolean;
}

const type = { a: 1, cname: 5, aaaa: 28 } as const;

/** A running name server. Names that it does not know do not exist. */
export class NameServer {
  /** Names in lower case; may be changed at any time. */
  readonly zone: Map<string, Entry>;
  /** The questions in their order: `name/A` or `name/AAAA`, with ` tcp` behind those that came over TCP. */
  readonly asked: string[] = [];
  readonly port: number;
  /** No question is answered. */
  isSilent = false;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(zone: Readonly<Record<string, Entry>>, udp: UdpSocket, tcp: Server) {
    this.zone = new Map(Object.entries(zone));
    this.#udp = udp;
    this.#tcp = tcp;
    this.port = udp.address().port;
    udp.on("message", (query, peer) => {
      const answer = this.#answer(query, false);
      if (answer !== null) udp.send(answer, peer.port, peer.address);
    });
    tcp.on("connection", (socket) => this.#serve(socket));
  }

  static async start(zone: Readonly<Record<string, Entry>> = {}): Promise<NameServer> {
    for (;;) {
      const udp = createSocket("udp4");
      await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve));
      const tcp = createServer();
      const isListening = await new Promise<boolean>((resolve) => {
        tcp.once("error", () => resolve(false));
        tcp.listen(udp.address().port, "127.0.0.1", () => resolve(true));
      });
      if (isListening && (tcp.address() as AddressInfo).port === udp.address().port)
        return new NameServer(zone, udp, tcp);
      udp.close();
    }
  }

  /** As `resolv.conf` names it. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  close(): void {
    this.#udp.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#tcp.close();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket)).on("error", () => {});
    let received: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const answer = this.#answer(received.subarray(2, 2 + received.readUInt16BE(0)), true);
        received = received.subarray(2 + received.readUInt16BE(0));
        if (answer === null) continue;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.write(Buffer.concat([length, answer]));
      }
    });
  }

  #answer(query: Buffer, isTcp: boolean): Buffer | null {
    const labels: string[] = [];
    let at = 12;
    for (; query[at] !== 0; at += query[at]! + 1) labels.push(query.toString("latin1", at + 1, at + 1 + query[at]!));
    const name = labels.join(".").toLowerCase();
    const asked = query.readUInt16BE(at + 1);
    this.asked.push(`${name}/${asked === type.aaaa ? "AAAA" : "A"}${isTcp ? " tcp" : ""}`);
    const entry = this.zone.get(name);
    const failure =
      entry === undefined ? 3 : ((asked === type.aaaa ? entry.failure6 : undefined) ?? entry.failure ?? 0);
    if (this.isSilent || failure === "silent") return null;
    const isTruncated = entry?.isTruncated === true && !isTcp;
    const records = failure !== 0 || isTruncated ? [] : this.#records(name, asked);
    const header = Buffer.alloc(12);
    header.writeUInt16BE(query.readUInt16BE(0), 0);
    header.writeUInt16BE(0x8180 | failure | (isTruncated ? 0x0200 : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    return Buffer.concat([header, query.subarray(12, at + 5), ...records]);
  }

  #records(name: string, asked: number): Buffer[] {
    const entry = this.zone.get(name);
    if (entry === undefined) return [];
    const { a = [], aaaa = [], cname, ttl = 30 } = entry;
    if (cname !== undefined) return [record(name, type.cname, encodeName(cname), ttl), ...this.#records(cname, asked)];
    if (asked === type.aaaa) return aaaa.map((address) => record(name, type.aaaa, encodeIpv6(address), ttl));
    return asked === type.a
      ? a.map((address) => record(name, type.a, Buffer.from(address.split(".").map(Number)), ttl))
      : [];
  }
}

function record(name: string, kind: number, data: Buffer, ttl: number): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(kind, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(name), fixed, data]);
}

function encodeName(name: string): Buffer {
  const labels = name.split(".").flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, "latin1")]);
  return Buffer.concat([...labels, Buffer.from([0])]);
}

function encodeIpv6(address: string): Buffer {
  const [left = "", right = ""] = address.split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(left), groups(right)];
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]));
}
