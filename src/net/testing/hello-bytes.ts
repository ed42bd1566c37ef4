/** Writes ClientHellos for tests. */

/** What a test wants in one. What is not given is not sent. */
export interface HelloContent {
  readonly serverName?: string;
  readonly alpn?: readonly string[];
  readonly supportedVersions?: readonly number[];
  readonly signatureAlgorithms?: readonly number[];
  readonly groups?: readonly number[];
  readonly cipherSuites?: readonly number[];
  readonly wantsStaple?: boolean;
  readonly newestVersion?: number;
  /** As they are, behind the others. */
  readonly extensions?: readonly Buffer[];
}

function uint(value: number, byteCount: number): Buffer {
  const bytes = Buffer.alloc(byteCount);
  bytes.writeUIntBE(value, 0, byteCount);
  return bytes;
}

/** `parts` behind their length. */
export function vector(lengthBytes: 1 | 2 | 3, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([uint(content.length, lengthBytes), content]);
}

export function extension(kind: number, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([uint(kind, 2), vector(2, ...parts)]);
}

export function serverNameExtension(name: string, kind = 0): Buffer {
  return extension(0, vector(2, uint(kind, 1), vector(2, Buffer.from(name, "latin1"))));
}

const pairs = (values: readonly number[]): Buffer[] => values.map((value) => uint(value, 2));

function extensionsOf(content: HelloContent): Buffer[] {
  const { serverName, alpn, supportedVersions, signatureAlgorithms, groups, wantsStaple, extensions = [] } = content;
  const list: Buffer[] = [];
  if (serverName !== undefined) list.push(serverNameExtension(serverName));
  if (wantsStaple === true) list.push(extension(5, Buffer.of(1, 0, 0, 0, 0)));
  if (groups !== undefined) list.push(extension(10, vector(2, ...pairs(groups))));
  if (signatureAlgorithms !== undefined) list.push(extension(13, vector(2, ...pairs(signatureAlgorithms))));
  if (alpn !== undefined)
    list.push(extension(16, vector(2, ...alpn.map((name) => vector(1, Buffer.from(name, "latin1"))))));
  if (supportedVersions !== undefined) list.push(extension(43, vector(1, ...pairs(supportedVersions))));
  return [...list, ...extensions];
}

/** The handshake message, with its type and length. */
export function helloMessage(content: HelloContent): Buffer {
  const extensions = extensionsOf(content);
  const body = [
    uint(content.newestVersion ?? 0x0303, 2),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32, 8)),
    vector(2, ...pairs(content.cipherSuites ?? [0x1301])),
    vector(1, Buffer.of(0)),
    ...(extensions.length === 0 ? [] : [vector(2, ...extensions)]),
  ];
  return Buffer.concat([Buffer.of(1), vector(3, ...body)]);
}

/** `message` in records of at most `recordBytes`. */
export function toRecords(message: Buffer, recordBytes = 16_384): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += recordBytes)
    records.push(Buffer.of(22, 3, 1), vector(2, message.subarray(at, at + recordBytes)));
  return Buffer.concat(records);
}
