/** The options of `stores`. Schema and documentation; the normal form is `StoresOptions`. */
import { resolve } from "node:path";
import * as z from "zod";
import { addProblem, documented, duration, maybe, section, sectionCheck, size } from "../base/option-schema.ts";
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
    {
      about:
        "How long a request waits for an answer; then `onStoreFailure` says what happens to it, and a cache goes on without what is stored.",
    },
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
  maxObjectBytes: size(
    "1MiB",
    {
      about:
        "How large an answer may be that a cache keeps there; what is larger is not stored, whatever the cache would take.",
      danger: "large answers keep the server busy, and whatever else it is asked waits for them.",
    },
    { min: 1_024, max: 67_108_864 },
  ),
});

const redisOptionSchema = z
  .union([redisUrlSchema, redisSchema])
  .transform(
    (value): z.output<typeof redisSchema> => (typeof value === "string" ? redisSchema.parse({ url: value }) : value),
  );

const memorySchema = section({
  maxBytes: size(
    "256MiB",
    { about: "How much memory the answers take at most, with all that is kept about them." },
    { min: 1_048_576, max: 68_719_476_736 },
  ),
});

const diskSchema = section({
  path: documented(z.string().min(1), {
    kind: "path",
    about:
      "The folder that the answers are kept in, relative to the configuration file. It is the store's alone: other files in it may be deleted.",
  }),
  maxBytes: size(
    "10GiB",
    { about: "How much of the disk the answers take at most." },
    { min: 16_777_216, max: 17_592_186_044_416 },
  ),
});

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

const kinds = ["redis", "memory", "disk", "etcd", "consul"] as const;

const storeSchema = section({
  redis: documented(maybe(redisOptionSchema), {
    kind: "URL or section",
    defaultText: "none",
    about:
      "A Redis or Valkey server, for rate limits, caches and what ACME keeps. Needs the package `@redis/client` beside Millrace.",
  }),
  memory: documented(maybe(memorySchema), {
    defaultText: "none",
    about:
      "Memory of this process, for caches that are to have their own: those with `store: memory` share one without being named here.",
  }),
  disk: documented(maybe(diskSchema), {
    defaultText: "none",
    about: "A folder on a disk of this machine, for caches; what is kept there outlives the process.",
  }),
  etcd: documented(maybe(etcdSchema), {
    defaultText: "none",
    about: "An etcd cluster, for rate limits, which are exchanged once a second, and what ACME keeps.",
  }),
  consul: documented(maybe(consulSchema), {
    defaultText: "none",
    about: "The key/value store of Consul, for rate limits, which are exchanged once a second, and what ACME keeps.",
  }),
}).check(
  sectionCheck((store: Readonly<Record<string, unknown>>, context) => {
    const given = kinds.filter((key) => store[key] !== undefined && store[key] !== null);
    if (given.length === 0) addProblem(context, "a store is one of `redis`, `memory`, `disk`, `etcd` and `consul`");
    if (given.length > 1)
      addProblem(context, `a store is in one place; this has ${given.join(" and ")}`, { atKey: true }, [given[1]!]);
  }),
);

/** The map of names to stores. */
export const storesSchema = z.record(z.string(), storeSchema).check(
  sectionCheck((stores: Record<string, unknown>, context) => {
    for (const name of Object.keys(stores)) {
      if (name === "local" || name === "memory")
        addProblem(context, `"${name}" is the memory of this process; call the store otherwise`, { atKey: true }, [
          name,
        ]);
      else if (!/^[A-Za-z0-9][\w.-]{0,127}$/.test(name))
        addProblem(
          context,
          `${JSON.stringify(name)} is not the name of a store: a letter or digit first, then letters, digits and _ . -, at most 128`,
          { atKey: true },
          [name],
        );
    }
    checkFolders(stores, context);
  }),
);

/** A folder has one store: another one would find it locked, and keep nothing. */
function checkFolders(stores: Record<string, unknown>, context: Parameters<typeof addProblem>[0]): void {
  const owners = new Map<string, string>();
  for (const [name, store] of Object.entries(stores)) {
    const path: unknown = (store as { readonly disk?: { readonly path?: unknown } } | null)?.disk?.path;
    if (typeof path !== "string") continue;
    const owner = owners.get(resolve(path));
    if (owner === undefined) owners.set(resolve(path), name);
    else addProblem(context, `the store "${owner}" has this folder already`, {}, [name, "disk", "path"]);
  }
}

/** `stores` in normal form, by name. */
export type StoresOptions = z.output<typeof storesSchema>;

/** One store in normal form. */
export type StoreOptions = StoresOptions[string];

/** Memory of this process in normal form. */
export type MemoryStoreOptions = NonNullable<StoreOptions["memory"]>;

/** A folder on a disk in normal form. */
export type DiskStoreOptions = NonNullable<StoreOptions["disk"]>;

/** A Redis server in normal form. */
export type RedisOptions = NonNullable<StoreOptions["redis"]>;
