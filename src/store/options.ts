/** The options of `stores`. Schema and documentation; the normal form is `StoresOptions`. */
import * as z from "zod";
import { addProblem, documented, duration, maybe, section, sectionCheck } from "../base/option-schema.ts";
import { consulConnectionShape } from "../remote/consul/consul-options.ts";
import { checkEtcdLogin, etcdClusterShape } from "../remote/etcd/etcd-cluster-options.ts";

const redisUrlSchema = z.string().superRefine((text, context) => {
  if (/^unix:\/./.test(text)) return;
  // The text may hold a password: it is not repeated.
  if (!URL.canParse(text) || !/^rediss?:\/\/[^/]/.test(text))
    addProblem(
      context,
      'this is not the address of a Redis server; write for example "redis://127.0.0.1:6379", "rediss://user:password@redis.internal:6380/1" or "unix:/run/redis.sock"',
    );
});

const redisSchema = section({
  url: documented(redisUrlSchema, {
    kind: "URL",
    about:
      "`redis://[user:password@]host[:port][/database]`, `rediss://…` over TLS, or `unix:/path`. Redis 5 or later, or Valkey.",
  }),
  timeout: duration(
    "20ms",
    { about: "How long a request waits for an answer; then `onStoreFailure` says what happens to it." },
    { max: 5_000 },
  ),
  prefix: documented(
    z
      .string()
      .max(100)
      .regex(/^[\x21-\x7e]*$/, "a prefix has visible ASCII characters only")
      .prefault("millrace:"),
    { about: "What all keys begin with." },
  ),
});

const redisOptionSchema = z
  .union([redisUrlSchema, redisSchema])
  .transform(
    (value): z.output<typeof redisSchema> =>
      typeof value === "string" ? { url: value, timeout: 20, prefix: "millrace:" } : value,
  );

const createPrefixSchema = (prefix: string) =>
  documented(
    z
      .string()
      .min(1)
      .max(200)
      .regex(/^[\x21-\x7e]*$/, "a prefix has visible ASCII characters only")
      .prefault(prefix),
    { about: "What all keys begin with." },
  );

const etcdSchema = section({ ...etcdClusterShape, prefix: createPrefixSchema("/millrace/") }).check(checkEtcdLogin);
const consulSchema = section({ ...consulConnectionShape, prefix: createPrefixSchema("millrace/") });

const kinds = ["redis", "etcd", "consul"] as const;

const storeSchema = section(
  {
    redis: documented(maybe(redisOptionSchema), {
      kind: "URL or section",
      defaultText: "none",
      about:
        "A Redis or Valkey server, for rate limits and what ACME keeps. Needs the package `@redis/client` beside Millrace.",
    }),
    etcd: documented(maybe(etcdSchema), { defaultText: "none", about: "An etcd cluster, for what ACME keeps." }),
    consul: documented(maybe(consulSchema), {
      defaultText: "none",
      about: "The key/value store of Consul, for what ACME keeps.",
    }),
  },
  ["disk"],
).check(
  sectionCheck((store: Readonly<Record<string, unknown>>, context) => {
    const given = kinds.filter((key) => store[key] !== undefined && store[key] !== null);
    if (given.length === 0) addProblem(context, "a store is one of `redis`, `etcd` and `consul`");
    if (given.length > 1)
      addProblem(context, `a store is in one place; this has ${given.join(" and ")}`, { atKey: true }, [given[1]!]);
  }),
);

/** The map of names to stores. */
export const storesSchema = z.record(z.string(), storeSchema).check(
  sectionCheck((stores: Record<string, unknown>, context) => {
    for (const name of Object.keys(stores)) {
      if (name === "local")
        addProblem(context, '"local" is the memory of this process; call the store otherwise', { atKey: true }, [name]);
      else if (!/^[A-Za-z0-9][\w.-]{0,127}$/.test(name))
        addProblem(
          context,
          `${JSON.stringify(name)} is not the name of a store: a letter or digit first, then letters, digits and _ . -, at most 128`,
          { atKey: true },
          [name],
        );
    }
  }),
);

/** `stores` in normal form, by name. */
export type StoresOptions = z.output<typeof storesSchema>;

/** One store in normal form. */
export type StoreOptions = StoresOptions[string];

/** A Redis server in normal form. */
export type RedisOptions = NonNullable<StoreOptions["redis"]>;
