/** The options of ACME at a listener. Schema and documentation; the normal form is `AcmeOptions`. */
import * as z from "zod";
import {
  addProblem,
  choice,
  count,
  documented,
  duration,
  functionOption,
  maybe,
  oneOrMore,
  parsedBy,
  nameSchema as storeNameSchema,
  section,
  sectionCheck,
} from "../../base/option-schema.ts";
import { parseRate } from "../../base/units.ts";
import { filePathSchema } from "./file-path-options.ts";
import { normalizeServerName } from "./server-name.ts";

/** The directories that have a word for them. */
const knownDirectories: Readonly<Record<string, string>> = {
  letsencrypt: "https://acme-v02.api.letsencrypt.org/directory",
  "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
};

const httpUrlSchema = z.string().superRefine((text, context) => {
  if (!URL.canParse(text) || !/^https?:\/\/[^/]/.test(text))
    addProblem(context, `${JSON.stringify(text)} is not a URL; write for example "https://ca.internal/directory"`);
});

const directoryUrlSchema = z
  .string()
  .transform((text) => knownDirectories[text] ?? text)
  .pipe(httpUrlSchema);

const nameSchema = z.string().transform((text, context) => {
  const isWildcard = text.startsWith("*.");
  const name = normalizeServerName(isWildcard ? text.slice(2) : text);
  if (name?.includes(".") === true) return isWildcard ? `*.${name}` : name;
  addProblem(
    context,
    `${JSON.stringify(text)} is no name that a certificate authority certifies; write for example "www.example.com" or "*.example.com"`,
  );
  return z.NEVER;
});

const eabSchema = section({
  keyId: documented(z.string().min(1).max(1_000), { about: "What the CA calls the key." }),
  hmacKey: documented(
    z.string().superRefine((text, context) => {
      // It is a secret: it is not repeated.
      if (!/^[\w-]{20,}={0,2}$/.test(text)) addProblem(context, "this is no key in base64url");
    }),
    { about: "The key, in base64url, as the CA shows it.", isSecret: true },
  ),
});

/** What holds for one directory. */
const authorityShape = {
  ca: documented(maybe(filePathSchema), {
    kind: "path",
    defaultText: "the roots that Node.js trusts",
    about: "A PEM file with the roots that the server of the CA is verified with.",
  }),
  eab: documented(maybe(eabSchema), {
    defaultText: "none",
    about: "External account binding: binds the account to one that you have with the CA already.",
  }),
  profile: documented(maybe(z.string().min(1).max(100)), {
    defaultText: "what the CA gives",
    about: "The profile that certificates are ordered by, such as `shortlived`.",
  }),
  preferredChain: documented(maybe(z.string().min(1).max(200)), {
    kind: "name",
    defaultText: "the first chain that the CA gives",
    about: "The common name of an issuer: of several chains, the one that has it is taken.",
  }),
};

const otherDirectorySchema = section({
  url: documented(directoryUrlSchema, { kind: "URL", about: "The directory of the CA." }),
  ...authorityShape,
});

const dnsSchema = section({
  hook: documented(
    z.union([
      oneOrMore(z.string().min(1).max(4_096)),
      functionOption<
        (change: { action: "add" | "remove"; record: string; value: string; name: string }) => void | Promise<void>
      >('(change: { action: "add" | "remove"; record: string; value: string; name: string }) => void | Promise<void>'),
    ]),
    {
      kind: "command, list or function",
      about:
        "Adds and removes TXT records. A command is run with three arguments more: `add` or `remove`, the name of the record, its value; they are in `MILLRACE_ACTION`, `MILLRACE_RECORD` and `MILLRACE_VALUE`, too, and the name that is proven in `MILLRACE_NAME`. Adding must leave other values of the same record alone: a name and its wildcard have one each at the same time.",
      danger: "the command runs with the rights of the proxy.",
    },
  ),
  timeout: duration("60s", { about: "How long the hook may take; then it is ended, and the order fails." }),
  wait: duration("30s", {
    about:
      "How long the name servers have until the CA is told to look. With `resolvers`, how long is waited for them at most.",
    zero: "the CA is told at once",
  }),
  resolvers: documented(
    z
      .array(
        z
          .string()
          .regex(
            /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[\da-fA-F:.]+\])(?::\d{1,5})?$/,
            'write for example "192.0.2.53" or "[2001:db8::53]:53"',
          ),
      )
      .max(16)
      .prefault([]),
    {
      kind: "list of addresses",
      about:
        "Name servers that must all show the record before the CA is told to look: those that the zone is served by, not caches.",
    },
  ),
});

const etcdSchema = section({
  urls: documented(z.array(httpUrlSchema).min(1).max(16), {
    kind: "list of URLs",
    about: "The members of the cluster.",
  }),
  prefix: documented(z.string().min(1).max(200).prefault("/millrace/acme/"), { about: "What all keys begin with." }),
  user: documented(maybe(z.string().min(1)), { defaultText: "none", about: "Who logs in." }),
  password: documented(maybe(z.string()), { defaultText: "none", about: "The password of `user`.", isSecret: true }),
  ca: documented(maybe(filePathSchema), {
    kind: "path",
    defaultText: "the roots that Node.js trusts",
    about: "A PEM file with the roots that the members are verified with.",
  }),
});

const redisSchema = section({
  url: documented(
    z.string().superRefine((text, context) => {
      // The text may hold a password: it is not repeated.
      if (!/^unix:\/./.test(text) && !(URL.canParse(text) && /^rediss?:\/\/[^/]/.test(text)))
        addProblem(context, 'this is not the address of a Redis server; write for example "redis://127.0.0.1:6379"');
    }),
    { kind: "URL", about: "As at `stores`." },
  ),
  prefix: documented(
    z
      .string()
      .max(100)
      .regex(/^[\x21-\x7e]*$/)
      .prefault("millrace:"),
    {
      about: "What all keys begin with.",
    },
  ),
});

/** Somebody who writes the URL of a server does not mean a folder of that name. */
const folderSchema = filePathSchema.superRefine((text, context) => {
  const scheme = /^([a-z]+):\/\//i.exec(text)?.[1];
  if (scheme === undefined) return;
  const hint = /^redis/i.test(scheme)
    ? `{ redis: { url: ${JSON.stringify(text)} } }`
    : '{ etcd: { urls: ["http://127.0.0.1:2379"] } }';
  addProblem(context, `${JSON.stringify(text)} is a URL, and would be a folder; write for example ${hint}`);
});

const storageSchema = z.union([
  folderSchema,
  section({
    redis: documented(maybe(redisSchema), {
      defaultText: "none",
      about: "A Redis or Valkey server. Needs the package `@redis/client` beside Millrace.",
    }),
    etcd: documented(maybe(etcdSchema), {
      defaultText: "none",
      about: "An etcd cluster, 3.4 or later, through its JSON gateway.",
    }),
    store: documented(maybe(storeNameSchema), {
      kind: "name",
      defaultText: "none",
      about: "One of `stores`: Redis, etcd or Consul. Its keys begin with `acme/` after the prefix of the store.",
    }),
  }).check(
    sectionCheck((storage, context) => {
      const given = [storage.redis, storage.etcd, storage.store].filter((one) => one !== undefined && one !== null);
      if (given.length !== 1) addProblem(context, "write one of `store`, `redis` and `etcd`");
    }),
  ),
]);

const rateSchema = z
  .string({
    error: ({ input }) => (typeof input === "number" ? `${input} is not a rate; write "${input}/h"` : undefined),
  })
  .transform(parsedBy(parseRate));

const onDemandSchema = section({
  ask: documented(httpUrlSchema, {
    kind: "URL",
    about:
      "Asked with GET and `?domain=NAME` before a certificate is ordered for a name: any answer with a status of 2xx allows it, everything else does not.",
  }),
  timeout: duration("5s", { about: "How long `ask` may take." }),
  rate: documented(rateSchema.prefault("10/m"), { kind: "rate", about: "How many certificates are ordered at most." }),
  maxNames: count(
    10_000,
    { about: "How many names may have a certificate at a time; further ones are refused." },
    { min: 1, max: 1_000_000 },
  ),
});

/** The schema of `acme`. */
export const acmeSchema = section({
  email: documented(maybe(z.email()), { defaultText: "none", about: "Where the CA writes to if something is wrong." }),
  domains: documented(
    z
      .array(z.union([nameSchema, z.array(nameSchema).min(1).max(100)]))
      .max(10_000)
      .prefault([]),
    {
      kind: "list",
      about:
        "The names that certificates are issued for, one each; a list within the list is one certificate for several names. Wildcards such as `*.example.com` need the challenge `dns-01`.",
    },
  ),
  directory: documented(
    z
      .union([
        directoryUrlSchema,
        z
          .array(z.union([directoryUrlSchema, otherDirectorySchema]))
          .min(1)
          .max(4),
      ])
      .prefault("letsencrypt"),
    {
      kind: "URL or list",
      about:
        "The directory of the CA; `letsencrypt` and `letsencrypt-staging` are words for theirs. Of a list, the next one is asked if one fails: a URL, or a section with `url` and its own `ca`, `eab`, `profile` and `preferredChain`, for those beside `directory` belong to the first.",
    },
  ),
  ...authorityShape,
  challenge: documented(oneOrMore(choice(["tls-alpn-01", "http-01", "dns-01"])).prefault(["tls-alpn-01", "http-01"]), {
    kind: "challenge or list",
    about:
      "How names are proven, in the order in which it is tried: `tls-alpn-01` at port 443, `http-01` at port 80, on any listener of this proxy; `dns-01` through `dns`.",
  }),
  dns: documented(maybe(dnsSchema), { defaultText: "none", about: "How TXT records are made for `dns-01`." }),
  storage: documented(maybe(storageSchema), {
    kind: "path or section",
    defaultText: "`acme` in `$STATE_DIRECTORY`, else `millrace/acme` in `$XDG_DATA_HOME` (`~/.local/share`)",
    about:
      "Where keys and certificates are kept: a folder, `{ store: NAME }` for one of `stores`, `{ redis: … }` or `{ etcd: … }`. Instances with the same storage ask the CA once, and answer each other's challenges.",
    danger: "private keys are in it. If it is lost at every start, the CA's rate limits are soon used up.",
  }),
  key: documented(choice(["ecdsa", "rsa"]).prefault("ecdsa"), {
    about: "The keys of the certificates: P-256, or RSA with 2048 bits for very old clients.",
  }),
  onDemand: documented(maybe(onDemandSchema), {
    defaultText: "off",
    about:
      "Orders certificates for names that clients ask for, in their first handshake. Somebody must be asked: else anyone who points names here uses up the CA's limits.",
  }),
}).check(
  sectionCheck((acme, context) => {
    const challenges = Array.isArray(acme.challenge) ? acme.challenge : [];
    if (challenges.includes("dns-01") && acme.dns === null)
      addProblem(context, "`dns-01` needs `dns`: who makes the records", {}, ["challenge"]);
    const names = Array.isArray(acme.domains) ? acme.domains.flat() : [];
    if (!challenges.includes("dns-01") && names.some((name) => typeof name === "string" && name.startsWith("*.")))
      addProblem(context, "wildcards can only be proven by `dns-01`: set `challenge` and `dns`", {}, ["domains"]);
    if (names.length === 0 && acme.onDemand === null)
      addProblem(context, "there are neither `domains` nor `onDemand`: nothing would be issued", { atKey: true });
  }),
);

/** `acme` in normal form. */
export type AcmeOptions = z.output<typeof acmeSchema>;

/** `acme.dns` in normal form. */
export type AcmeDnsOptions = z.output<typeof dnsSchema>;

/** `acme.onDemand` in normal form. */
export type OnDemandOptions = z.output<typeof onDemandSchema>;
