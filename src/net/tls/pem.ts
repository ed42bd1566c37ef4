/** PEM (RFC 7468): finds the blocks in a text. Text between them and CRLF are allowed, as everybody allows them. */

/** One block, with its armour and line feeds only. */
export interface PemBlock {
  /** What it says it is: `CERTIFICATE`, `PRIVATE KEY`, `X509 CRL`. */
  readonly label: string;
  readonly pem: string;
}

/** The blocks, in their order. A block that does not end is none. */
export function pemBlocks(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  const begin = /-----BEGIN ([A-Z0-9 ]{1,64})-----/g;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const label = match[1] ?? "";
    const end = `-----END ${label}-----`;
    const at = text.indexOf(end, begin.lastIndex);
    if (at === -1) break;
    blocks.push({ label, pem: `${text.slice(match.index, at + end.length).replaceAll("\r", "")}\n` });
    begin.lastIndex = at + end.length;
  }
  return blocks;
}

/** The certificates among the blocks. */
export function pemCertificates(text: string): readonly string[] {
  return pemBlocks(text)
    .filter(({ label }) => label === "CERTIFICATE" || label === "X509 CERTIFICATE" || label === "TRUSTED CERTIFICATE")
    .map(({ pem }) => pem);
}
