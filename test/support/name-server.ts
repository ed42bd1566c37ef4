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
  /** `priority weight port target`; the target with a dot at its end or not, "." = none. */
  readonly srv?: readonly string[];
  /** The addresses of the targets are in the same answer. Default: no. */
  readonly hasExtras?: boolean;
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
  /** What is known over UDP instead: a part, for example. */
  readonly overUdp?: Entry;
  /** The response code if the question says that large datagrams may come (EDNS). */
  readonly ednsFailure?: number;
  /** Makes other messages of the answer: none, several, forged ones. */
  readonly mangle?: (answer: Buffer) => readonly Buffer[];
}

const type = { a: 1, cname: 5, aaaa: 28, srv: 33 } as const;
const typeNames = new Map<number, string>(Object.entries(type).map(([name, code]) => [code, name.toUpperCase()]));

/** A running name server. Names that it does not know do not exist. */
export class NameServer {
  /** Names in lower case; may be changed at any time. */
  readonly zone: Map<string, Entry>;
  /** The questions in their order: `name/A`, `name/AAAA`, `name/SRV`, with ` tcp` behind those that came over TCP. */
  readonly asked: string[] = [];
  readonly port: number;
  /** No question is answered. */
  isSilent = false;
  /** Answers over UDP come from this socket instead. */
  answerFrom: UdpSocket | null = null;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #sockets = new Set<Socket>();
  #isClosed = false;

  private constructor(zone: Readonly<Record<string, Entry>>, udp: UdpSocket, tcp: Server) {
    this.zone = new Map(Object.entries(zone));
    this.#udp = udp;
    this.#tcp = tcp;
    this.port = udp.address().port;
    udp.on("message", (query, peer) => {
      for (const answer of this.#answer(query, false)) (this.answerFrom ?? udp).send(answer, peer.port, peer.address);
    });
    tcp.on("connection", (socket) => this.#serve(socket));
  }

  /** @param port default: a free one */
  static async start(zone: Readonly<Record<string, Entry>> = {}, port = 0): Promise<NameServer> {
    for (;;) {
      const udp = createSocket("udp4");
      await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", resolve));
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
    if (this.#isClosed) return;
    this.#isClosed = true;
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
        const query = received.subarray(2, 2 + received.readUInt16BE(0));
        received = received.subarray(2 + query.length);
        for (const answer of this.#answer(query, true)) {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          socket.write(Buffer.concat([length, answer]));
        }
      }
    });
  }

  #answer(query: Buffer, isTcp: boolean): readonly Buffer[] {
    const labels: string[] = [];
    let at = 12;
    for (; query[at] !== 0; at += query[at]! + 1) labels.push(query.toString("latin1", at + 1, at + 1 + query[at]!));
    const name = labels.join(".").toLowerCase();
    const asked = query.readUInt16BE(at + 1);
    this.asked.push(`${name}/${typeNames.get(asked) ?? asked}${isTcp ? " tcp" : ""}`);
    const known = this.zone.get(name);
    const entry = isTcp ? known : (known?.overUdp ?? known);
    const hasEdns = query.readUInt16BE(10) > 0;
    const failure =
      entry === undefined
        ? 3
        : ((hasEdns ? entry.ednsFailure : undefined) ??
          (asked === type.aaaa ? entry.failure6 : undefined) ??
          entry.failure ??
          0);
    if (this.isSilent || failure === "silent") return [];
    const isTruncated = entry?.isTruncated === true && !isTcp;
    const records = failure !== 0 || isTruncated ? [] : this.#records(name, asked, entry);
    const extras = records.length === 0 || entry?.hasExtras !== true ? [] : this.#extras(entry);
    const header = Buffer.alloc(12);
    header.writeUInt16BE(query.readUInt16BE(0), 0);
    header.writeUInt16BE(0x8180 | failure | (isTruncated ? 0x0200 : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    header.writeUInt16BE(extras.length, 10);
    const answer = Buffer.concat([header, query.subarray(12, at + 5), ...records, ...extras]);
    return entry?.mangle?.(answer) ?? [answer];
  }

  #records(name: string, asked: number, entry = this.zone.get(name)): Buffer[] {
    if (entry === undefined) return [];
    const { a = [], aaaa = [], srv = [], cname, ttl = 30 } = entry;
    if (cname !== undefined) return [record(name, type.cname, encodeName(cname), ttl), ...this.#records(cname, asked)];
    if (asked === type.aaaa) return aaaa.map((address) => record(name, type.aaaa, encodeIpv6(address), ttl));
    if (asked === type.srv) return srv.map((service) => record(name, type.srv, encodeService(service), ttl));
    return asked === type.a
      ? a.map((address) => record(name, type.a, Buffer.from(address.split(".").map(Number)), ttl))
      : [];
  }

  /** The addresses of the targets of a service. */
  #extras({ srv = [] }: Entry): Buffer[] {
    return srv.flatMap((service) => {
      const target = targetOf(service);
      return [...this.#records(target, type.a), ...this.#records(target, type.aaaa)];
    });
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

function targetOf(service: string): string {
  return (service.split(" ")[3] ?? "").replace(/\.$/, "").toLowerCase();
}

function encodeService(service: string): Buffer {
  const numbers = Buffer.alloc(6);
  for (const [at, number] of service.split(" ", 3).entries()) numbers.writeUInt16BE(Number(number), 2 * at);
  return Buffer.concat([numbers, encodeName(targetOf(service))]);
}

function encodeName(name: string): Buffer {
  const written = name === "" ? [] : name.split(".");
  const labels = written.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, "latin1")]);
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
