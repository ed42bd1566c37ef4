/** The options of TLS at a listener. Schema and documentation; the normal form is `ListenerTlsOptions`. */
import * as z from "zod";
import {
  addProblem,
  choice,
  documented,
  duration,
  maybe,
  oneOrMore,
  section,
  sectionCheck,
} from "../../base/option-schema.ts";
import { acmeSchema } from "./acme-options.ts";
import { filePathSchema } from "./file-path-options.ts";
import { hstsSchema, redirectSchema } from "./https-options.ts";
import { internalSchema } from "./internal-options.ts";
import { normalizeServerName } from "./server-name.ts";

const certificateSchema = section({
  cert: documented(filePathSchema, {
    kind: "path",
    about: "A PEM file: the certificate first, then those that issued it, without the root.",
  }),
  key: documented(filePathSchema, { kind: "path", about: "A PEM file with its private key, without a passphrase." }),
  chain: documented(maybe(filePathSchema), {
    kind: "path",
    defaultText: "they are in `cert`",
    about: "A PEM file with the certificates that issued it.",
  }),
  ocsp: documented(z.union([z.literal("auto"), z.literal("off"), z.literal(false), filePathSchema]).prefault("auto"), {
    kind: "`auto`, `off` or path",
    about:
      "What is stapled: `auto` asks the responder that the certificate names, in the background, and staples nothing if it names none; a path is a file with an answer (DER), as `openssl ocsp -respout` writes it.",
  }),
});

const clientAuthSchema = section({
  ca: documented(oneOrMore(filePathSchema), {
    kind: "path or list of paths",
    about: "PEM files with the authorities whose certificates are taken. Nobody else is trusted.",
  }),
  mode: documented(choice(["require", "request"]).prefault("require"), {
    about:
      "`require`: a handshake without a certificate of these authorities fails. `request`: clients are let in all the same, and endpoints are told who they are.",
  }),
  forward: documented(choice(["summary", "certificate", "chain", "none"]).prefault("summary"), {
    about:
      "What endpoints are told: `summary` is `X-Client-Cert-Verify` (`SUCCESS`, `NONE`, `FAILED:reason`), `-Subject`, `-San` and `-Fingerprint`; `certificate` is that and `Client-Cert` (RFC 9440), `chain` is that and `Client-Cert-Chain`. These fields are never taken from a client.",
  }),
  crl: documented(oneOrMore(filePathSchema).prefault([]), {
    kind: "path or list of paths",
    about:
      "PEM files with lists of revoked certificates: one list of each authority in `ca`. Lists out of date let nobody in.",
  }),
});

const hostSchema = section({
  host: documented(
    oneOrMore(
      z.string().transform((text, context) => {
        const isWildcard = text.startsWith("*.");
        const name = normalizeServerName(isWildcard ? text.slice(2) : text);
        if (name === null)
          addProblem(context, `${JSON.stringify(text)} is not a host name or a wildcard such as "*.example.com"`);
        return `${isWildcard ? "*." : ""}${name}`;
      }),
    ),
    {
      kind: "name or list of names",
      about:
        "Names, or `*.example.com` for one or more labels in front, as in `match.host`. The exact name comes first, then the longest wildcard.",
    },
  ),
  clientAuth: documented(
    z
      .union([z.literal(false), z.literal("off"), clientAuthSchema])
      .transform((value) => (value === false || value === "off" ? null : value)),
    { about: "As `clientAuth` of the listener, in its place; `off`: clients are not asked." },
  ),
});

const ticketsSchema = section({
  lifetime: duration(
    "12h",
    {
      about:
        "How long a client may resume its session by a ticket at most. The keys change that often, in all threads and instances at once. With client certificates, one hour at most.",
    },
    { min: 60_000, max: 7 * 86_400_000 },
  ),
  secret: documented(maybe(filePathSchema), {
    kind: "path",
    defaultText: "made at the start",
    about:
      "A file with at least 32 random bytes, which the keys follow from; instances that share it resume each other's sessions.",
    danger: "who has read it can decrypt recorded sessions that were resumed by tickets: replace it now and then.",
  }),
});

/** The keys that say where certificates come from. */
const sourceKeys: readonly string[] = ["certificates", "acme", "internal"];

/** The schema of `tls` at a listener, as a section. */
const tlsSectionSchema = section({
  certificates: documented(z.array(certificateSchema).max(100_000).prefault([]), {
    kind: "list",
    about:
      "Certificates and their keys. A client gets the one of the name it asks for (exactly, else by a wildcard of one label), and the first if it asks for none. For one name there may be one with an elliptic-curve key and one with an RSA key. Changed files are taken without a reload.",
  }),
  internal: documented(internalSchema, {
    kind: "switch or section",
    defaultText: "off",
    about:
      "Certificates of an authority on this machine, which is made with the first one: for development, and for networks whose machines trust its root (`millrace trust`). `tls: internal` is short for it.",
  }),
  unknownName: documented(choice(["default", "refuse"]).prefault("default"), {
    about:
      "Clients that ask for a name that no certificate has: `default` gives them the first certificate, `refuse` ends the handshake (`unrecognized_name`).",
  }),
  minVersion: documented(
    z
      .union([z.enum(["1.2", "1.3"]), z.literal(1.2), z.literal(1.3)])
      .transform((value) => String(value) as "1.2" | "1.3")
      .prefault("1.2"),
    { kind: '"1.2" or "1.3"', about: "The oldest version of TLS that is spoken." },
  ),
  profile: documented(choice(["intermediate", "modern"]).prefault("intermediate"), {
    about:
      "Mozilla's recommendation: `intermediate` is TLS 1.2 with forward secrecy and TLS 1.3, `modern` is TLS 1.3 alone.",
  }),
  clientAuth: documented(maybe(clientAuthSchema), {
    defaultText: "clients are not asked",
    about: "Certificates of clients.",
  }),
  hosts: documented(z.array(hostSchema).max(10_000).prefault([]), {
    kind: "list",
    about: "What holds at certain hosts instead. A request for one of them on a connection of another gets 421.",
  }),
  acme: documented(maybe(acmeSchema), {
    defaultText: "off",
    about: "Certificates that a certificate authority is asked for and renewed by themselves (ACME).",
  }),
  tickets: documented(
    z
      .union([z.literal(false), z.literal("off"), ticketsSchema])
      .prefault({})
      .transform((value) => (value === false || value === "off" ? null : value)),
    { about: "How sessions are resumed; `off`: every connection begins with a full handshake." },
  ),
  redirect: documented(redirectSchema, {
    kind: "address or section",
    defaultText: "off",
    about:
      'Another listener, for plain HTTP, which sends clients here: `":80"`, or a section. Routes do not hold there, but for clients that came by HTTPS to a load balancer in `trustedProxies`, which says so in `X-Forwarded-Proto` or `Forwarded`: they would be sent in a circle. Limits and timeouts are those of this listener.',
  }),
  hsts: documented(hstsSchema, {
    kind: "duration, switch or section",
    defaultText: "off",
    about:
      "Tells browsers to come by HTTPS only (Strict-Transport-Security, RFC 6797): `on` for a year, a duration such as `30d`, or a section. What an endpoint says of it stands.",
  }),
}).check(
  sectionCheck((tls: Record<string, unknown>, context) => {
    const isEmpty = (value: unknown): boolean =>
      value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0);
    if (sourceKeys.every((key) => isEmpty(tls[key])))
      addProblem(context, `there is no certificate: write one of ${sourceKeys.map((key) => `\`${key}\``).join(", ")}`);
  }),
);

/** The schema of `tls` at a listener. */
export const listenerTlsSchema = z.union([
  z.literal("internal").transform(() => tlsSectionSchema.parse({ internal: true })),
  tlsSectionSchema,
]);

/** TLS at a listener, in normal form. */
export type ListenerTlsOptions = z.output<typeof listenerTlsSchema>;

/** Client certificates, in normal form. */
export type ClientAuthOptions = z.output<typeof clientAuthSchema>;

/** A certificate from files, in normal form. */
export type CertificateFileOptions = z.output<typeof certificateSchema>;
