/**
 * An ACME server for what the real one does not do by itself: failures on demand, renewal information, refused
 * `replaces`, certificates of any life. It believes every proof that is not in `refusedChallenges`, and no nonce twice.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { X509Certificate } from "@peculiar/x509";
import { loadX509 } from "../../base/x509-library.ts";

/** A request as it came. */
export interface SeenRequest {
  readonly path: string;
  readonly nonce: string | null;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** An answer in place of the usual one. */
export interface FakeFailure {
  readonly status: number;
  readonly type: string;
  readonly retryAfter?: string;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A server on a port of the loopback interface; its fields may be changed at any time. */
export class FakeAcmeServer {
  readonly requests: SeenRequest[] = [];
  readonly refusedChallenges = new Set<string>();
  /** null = the usual answer. */
  fail: (request: SeenRequest) => FakeFailure | null = () => null;
  /** What it says of the renewal of a certificate; undefined = it has no such resource. */
  renewalInfo: ((certificateId: string) => object) | undefined;
  lifeMs = 90 * 86_400_000;
  wall: () => number;
  url = "";
  readonly #server: Server;
  readonly #nonces = new Set<string>();
  readonly #orders = new Map<string, { names: string[]; isFinal: boolean; isInvalid: boolean; certificate: string }>();
  readonly #keys: CryptoKeyPairOf;
  readonly #root: X509Certificate;

  private constructor(wall: () => number, keys: CryptoKeyPairOf, root: X509Certificate) {
    this.wall = wall;
    this.#keys = keys;
    this.#root = root;
    this.#server = createServer((request, response) => {
      // Somebody has left in the middle.
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  static async start(wall: () => number = () => Date.now()): Promise<FakeAcmeServer> {
    const { X509CertificateGenerator, BasicConstraintsExtension, SubjectKeyIdentifierExtension } = await loadX509();
    const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const root = await X509CertificateGenerator.createSelfSigned({
      keys,
      signingAlgorithm: algorithm,
      name: "CN=Fake Root",
      notBefore: new Date(wall() - 86_400_000),
      notAfter: new Date(wall() + 3_650 * 86_400_000),
      extensions: [
        new BasicConstraintsExtension(true, 1, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    const server = new FakeAcmeServer(wall, keys, root);
    await server.#listen();
    return server;
  }

  async #listen(): Promise<void> {
    await new Promise<void>((resolve) => void this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get directoryUrl(): string {
    return `${this.url}/directory`;
  }

  get rootPem(): string {
    return this.#root.toString("pem");
  }

  /** The payloads of what came to a path. */
  payloads(path: string): readonly Readonly<Record<string, unknown>>[] {
    return this.requests.filter((request) => request.path === path).map(({ payload }) => payload);
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += String(chunk);
    const path = request.url ?? "";
    const signed = (text === "" ? {} : JSON.parse(text)) as { protected?: string; payload?: string };
    const header = decode(signed.protected);
    const nonce = typeof header["nonce"] === "string" ? header["nonce"] : null;
    const seen: SeenRequest = { path, nonce, payload: decode(signed.payload) };
    this.requests.push(seen);
    const next = randomUUID();
    this.#nonces.add(next);
    response.setHeader("replay-nonce", next);
    const failure = nonce !== null && !this.#nonces.delete(nonce) ? { status: 400, type: "badNonce" } : this.fail(seen);
    if (failure !== null) {
      if (failure.retryAfter !== undefined) response.setHeader("retry-after", failure.retryAfter);
      response.writeHead(failure.status, { "content-type": "application/problem+json" });
      response.end(JSON.stringify({ type: `urn:ietf:params:acme:error:${failure.type}`, detail: "as told" }));
      return;
    }
    await this.#answer(seen, response);
  }

  async #answer({ path, payload }: SeenRequest, response: ServerResponse): Promise<void> {
    const [, kind = "", id = ""] = path.split("/");
    const order = this.#orders.get(id);
    const json = (value: object, status = 200): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    if (kind === "directory") return json(this.#directory());
    if (kind === "nonce") return void response.end();
    if (kind === "account") {
      response.setHeader("location", `${this.url}/account/1`);
      return json({ status: "valid" }, 201);
    }
    if (kind === "renewal-info" && this.renewalInfo !== undefined) return json(this.renewalInfo(id));
    if (kind === "new-order") {
      const made = randomUUID();
      const names = (payload["identifiers"] as { value: string }[]).map(({ value }) => value);
      this.#orders.set(made, { names, isFinal: false, isInvalid: false, certificate: "" });
      response.setHeader("location", `${this.url}/order/${made}`);
      return json(this.#describe(made), 201);
    }
    if (order === undefined) return json({ type: "urn:ietf:params:acme:error:malformed", detail: path }, 404);
    if (kind === "order") return json(this.#describe(id));
    if (kind === "authorization") return json(this.#authorization(id, Number(path.split("/")[3])));
    if (kind === "challenge") {
      if (this.refusedChallenges.has(path.split("/")[3] ?? "")) order.isInvalid = true;
      else order.isFinal = true;
      return json({ status: "processing" });
    }
    if (kind === "finalize") {
      order.certificate = await this.#issue(String(payload["csr"]));
      return json(this.#describe(id));
    }
    response.end(order.certificate);
  }

  #directory(): object {
    return {
      newNonce: `${this.url}/nonce`,
      newAccount: `${this.url}/account`,
      newOrder: `${this.url}/new-order`,
      ...(this.renewalInfo === undefined ? {} : { renewalInfo: `${this.url}/renewal-info` }),
    };
  }

  #describe(id: string): object {
    const { names = [], isFinal, isInvalid, certificate } = this.#orders.get(id) ?? {};
    const open = isFinal === true ? "ready" : "pending";
    const status = isInvalid === true ? "invalid" : certificate === "" ? open : "valid";
    return {
      status,
      authorizations: names.map((_name, at) => `${this.url}/authorization/${id}/${at}`),
      finalize: `${this.url}/finalize/${id}`,
      ...(certificate === "" ? {} : { certificate: `${this.url}/certificate/${id}` }),
    };
  }

  #authorization(id: string, at: number): object {
    const { names = [], isFinal, isInvalid } = this.#orders.get(id) ?? {};
    const name = names[at] ?? "";
    const error = { type: "urn:ietf:params:acme:error:unauthorized", detail: "not what was expected" };
    const types = name.startsWith("*.") ? ["dns-01"] : ["http-01", "tls-alpn-01", "dns-01"];
    return {
      identifier: { type: "dns", value: name.replace(/^\*\./, "") },
      status: isInvalid === true ? "invalid" : isFinal === true ? "valid" : "pending",
      challenges: types.map((type) => ({
        type,
        url: `${this.url}/challenge/${id}/${type}`,
        token: Buffer.from(`${id}-${at}`).toString("base64url"),
        ...(isInvalid === true ? { error } : {}),
      })),
    };
  }

  async #issue(csr: string): Promise<string> {
    const x509 = await loadX509();
    const request = new x509.Pkcs10CertificateRequest(Buffer.from(csr, "base64url"));
    const named = request.extensions.find((one) => one instanceof x509.SubjectAlternativeNameExtension);
    const names = named?.names.toJSON() ?? [];
    const leaf = await x509.X509CertificateGenerator.create({
      publicKey: await request.publicKey.export(),
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      issuer: this.#root.subject,
      notBefore: new Date(this.wall()),
      notAfter: new Date(this.wall() + this.lifeMs),
      extensions: [
        new x509.SubjectAlternativeNameExtension(names),
        await x509.AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
      ],
    });
    return `${leaf.toString("pem")}\n${this.rootPem}\n`;
  }
}

interface CryptoKeyPairOf {
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
}

function decode(part: string | undefined): Readonly<Record<string, unknown>> {
  const text = Buffer.from(part ?? "", "base64url").toString();
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}
