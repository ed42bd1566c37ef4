/** What a socket of OpenSSL tells after its handshake. */
import type { X509Certificate } from "node:crypto";
import { cryptoLibrary } from "../../base/crypto-library.ts";
import type { CertificateHandle, TlsHandle } from "../node-internals.ts";
import { maxChainLength, type TlsFacts } from "./tls-socket.ts";

/** The facts of a handle whose handshake is done: read now, but for the certificates. */
export class BareTlsFacts implements TlsFacts {
  readonly protocol: string;
  readonly cipher: string;
  readonly alpn: string | null;
  readonly isResumed: boolean;
  readonly verifyError: string | null;
  /** Null = it is closed, or was asked already. */
  #handle: TlsHandle | null;
  #certificates: readonly X509Certificate[] = [];

  constructor(handle: TlsHandle, side: "server" | "client") {
    this.#handle = handle;
    this.protocol = handle.getProtocol();
    this.cipher = handle.getCipher().standardName;
    this.alpn = handle.getALPNNegotiatedProtocol() || null;
    this.isResumed = handle.isSessionReused();
    const code = handle.verifyError()?.code ?? null;
    // A client's certificate that is missing does not stand up either.
    this.verifyError =
      code === null || side === "client" || handle.getPeerX509Certificate() !== undefined ? code : null;
  }

  get peerCertificates(): readonly X509Certificate[] {
    if (this.#handle !== null) this.#certificates = chainOf(this.#handle.getPeerX509Certificate());
    this.#handle = null;
    return this.#certificates;
  }

  /** The handle may be asked nothing any more. */
  close(): void {
    this.#handle = null;
  }
}

function chainOf(leaf: CertificateHandle | undefined): X509Certificate[] {
  const { X509Certificate: Certificate } = cryptoLibrary();
  const chain: X509Certificate[] = [];
  for (let one = leaf; one !== undefined && chain.length < maxChainLength; one = one.getIssuerCert())
    chain.push(new Certificate(one.raw()));
  return chain;
}
