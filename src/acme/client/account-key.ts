/** The key of an ACME account: made, kept as JWK, and what is signed with it (RFC 8555, section 6.2). */
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { FlattenedSign, type FlattenedJWS, type JWK_EC_Public } from "jose";

/** What a signature is about. */
export interface SignedRequest {
  readonly url: string;
  readonly nonce: string;
  /** The account's URL; null signs with the key itself, which only a new account does. */
  readonly accountUrl: string | null;
  /** null is the empty payload of a POST-as-GET. */
  readonly payload: unknown;
}

/** A P-256 key. */
export class AccountKey {
  readonly #key: KeyObject;
  readonly #publicJwk: JWK_EC_Public;
  /** RFC 7638: what key authorizations end with. */
  readonly thumbprint: string;

  private constructor(key: KeyObject) {
    this.#key = key;
    const { crv = "", kty = "", x = "", y = "" } = key.export({ format: "jwk" });
    this.#publicJwk = { crv, kty, x, y };
    // The members in the order of the alphabet, without white space.
    this.thumbprint = createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");
  }

  static generate(): AccountKey {
    return new AccountKey(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  }

  /** @throws if it is no private P-256 key */
  static fromPem(pem: string): AccountKey {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== "prime256v1")
      throw new Error("the key of an account is a P-256 key");
    return new AccountKey(key);
  }

  toPem(): string {
    return this.#key.export({ format: "pem", type: "pkcs8" }) as string;
  }

  sign(request: SignedRequest): Promise<FlattenedJWS> {
    const { url, nonce, accountUrl, payload } = request;
    const who = accountUrl === null ? { jwk: this.#publicJwk } : { kid: accountUrl };
    const bytes = payload === null ? new Uint8Array(0) : Buffer.from(JSON.stringify(payload));
    return new FlattenedSign(bytes).setProtectedHeader({ alg: "ES256", nonce, url, ...who }).sign(this.#key);
  }

  /**
   * Binds the key to an account that somebody has with the CA otherwise (section 7.3.4).
   * @param binding `hmacKey` in base64url
   */
  bind(binding: { readonly keyId: string; readonly hmacKey: string }, newAccountUrl: string): Promise<FlattenedJWS> {
    return new FlattenedSign(Buffer.from(JSON.stringify(this.#publicJwk)))
      .setProtectedHeader({ alg: "HS256", kid: binding.keyId, url: newAccountUrl })
      .sign(Buffer.from(binding.hmacKey, "base64url"));
  }
}
