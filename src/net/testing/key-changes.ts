/**
 * Records of TLS 1.3 made by hand, for tests: Node.js has no way to change the keys of a connection (KeyUpdate, RFC 8446
 * section 4.6.3), nor OpenSSL's command to do it often. The secret is the one that Node's end logs. From the first record
 * on nothing may be sent by Node's end itself.
 */
import { createCipheriv, createHmac } from "node:crypto";
import { once } from "node:events";
import type { TLSSocket } from "node:tls";

const contentType = { handshake: 22, data: 23 } as const;
const keyUpdate = Buffer.of(24, 0, 0, 1, 0);

interface Suite {
  readonly hash: "sha256" | "sha384";
  readonly cipher: "aes-128-gcm" | "aes-256-gcm";
  readonly keyBytes: number;
}

const suites: Readonly<Record<string, Suite>> = {
  TLS_AES_128_GCM_SHA256: { hash: "sha256", cipher: "aes-128-gcm", keyBytes: 16 },
  TLS_AES_256_GCM_SHA384: { hash: "sha384", cipher: "aes-256-gcm", keyBytes: 32 },
};

/** What one end sends. */
export class HandMadeRecords {
  readonly #suite: Suite;
  #secret: Buffer;
  #key: Buffer;
  #iv: Buffer;
  #sent: number;

  /** @param sent how many records of data and tickets the end has sent already */
  constructor(suiteName: string, secret: Buffer, sent: number) {
    this.#suite = suites[suiteName]!;
    this.#secret = secret;
    this.#key = this.#expand("key", this.#suite.keyBytes);
    this.#iv = this.#expand("iv", 12);
    this.#sent = sent;
  }

  /** HKDF-Expand-Label (RFC 8446 section 7.1) of at most one block. */
  #expand(label: string, byteCount: number): Buffer {
    const name = `tls13 ${label}`;
    const info = Buffer.concat([Buffer.of(0, byteCount, name.length), Buffer.from(name), Buffer.of(0, 1)]);
    return createHmac(this.#suite.hash, this.#secret).update(info).digest().subarray(0, byteCount);
  }

  #record(type: number, content: Buffer, paddingBytes = 0): Buffer {
    const inner = Buffer.concat([content, Buffer.of(type), Buffer.alloc(paddingBytes)]);
    const head = Buffer.of(23, 3, 3, (inner.length + 16) >> 8, (inner.length + 16) & 255);
    const nonce = Buffer.from(this.#iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.#sent++) >>> 0, 8);
    const cipher = createCipheriv(this.#suite.cipher, this.#key, nonce).setAAD(head);
    return Buffer.concat([head, cipher.update(inner), cipher.final(), cipher.getAuthTag()]);
  }

  /** A record of data. */
  data(text: string, paddingBytes = 0): Buffer {
    return this.#record(contentType.data, Buffer.from(text), paddingBytes);
  }

  /** Changes of keys: 27 bytes each. */
  keyChanges(count: number): Buffer {
    const made: Buffer[] = [];
    for (let at = 0; at < count; at++) {
      made.push(this.#record(contentType.handshake, keyUpdate));
      this.#secret = this.#expand("traffic upd", this.#secret.length);
      this.#key = this.#expand("key", this.#suite.keyBytes);
      this.#iv = this.#expand("iv", 12);
      this.#sent = 0;
    }
    return Buffer.concat(made);
  }
}

/** What is known of the end that the records are of. */
export interface RecordsOf {
  readonly side: "client" | "server";
  /** How many tickets it sends: Node's server two. */
  readonly tickets: number;
  /** It sends this itself, which tells the other end that everything before has come. */
  readonly first: string;
}

/** The records of `peer`, whose handshake has not begun yet. @returns gives them once `first` is sent */
export function handMadeRecords(peer: TLSSocket, { side, tickets, first }: RecordsOf): () => Promise<HandMadeRecords> {
  const label = side === "client" ? "CLIENT_TRAFFIC_SECRET_0" : "SERVER_TRAFFIC_SECRET_0";
  let secret: Buffer | null = null;
  peer.on("keylog", (line: Buffer) => {
    const [name, , hex] = line.toString("latin1").trim().split(" ");
    if (name === label) secret = Buffer.from(hex!, "hex");
  });
  return async () => {
    while (secret === null) await once(peer, "keylog");
    await new Promise<void>((resolve) => void peer.write(first, () => resolve()));
    return new HandMadeRecords(peer.getCipher().standardName, secret, tickets + 1);
  };
}
