/** The options of the `rateLimit` middleware. Schema and documentation; the normal form is `RateLimitOptions`. */
import type { OptionsOf, SchemaTools } from "../../base/schema-builder.ts";
import { parseRate } from "../../base/units.ts";
import { parseExchangeKey } from "../../http/exchange-key.ts";

const createRateSchema = ({ parsedBy, z }: SchemaTools) =>
  z
    .string({
      error: ({ input }) =>
        typeof input === "number" ? `${input} is not a rate; write "${input}/s" or "${input}/m"` : undefined,
    })
    .transform(parsedBy(parseRate));

const createKeySchema = ({ addProblem, parsedBy, z }: SchemaTools) =>
  z.string().transform((key, context): string => {
    if (key === "clientIp" || key === "route" || key === "listener") return key;
    if (/^(header|cookie):./s.test(key)) return parsedBy(parseExchangeKey)(key, context);
    addProblem(context, `${JSON.stringify(key)} is not a key`, {
      knownValues: ["clientIp", "header:NAME", "cookie:NAME", "route", "listener"],
      word: key,
    });
    return z.NEVER;
  });

/** Makes the schema of `rateLimit`. */
export const createRateLimitSchema = (tools: SchemaTools) => {
  const { choice, count, documented, maybe, nameSchema, section, z } = tools;
  return section({
    rate: documented(createRateSchema(tools), {
      kind: "rate",
      about:
        "How many requests each key may make on average: `100/s`, `5/m`, `10/250ms`. They are spread evenly; how many may come at once is `burst`.",
    }),
    name: documented(maybe(nameSchema), {
      about:
        "How answers call this limit, and where its counts are kept: limits of the same name count together, on whatever route they are. Give those the same rate.",
      defaultText: "the route's name, with a number from its second limit on",
    }),
    burst: documented(maybe(z.int().min(1).max(1_000_000_000)), {
      about: "How many requests may come at once after a pause.",
      defaultText: "the count of `rate`",
      kind: "number",
    }),
    key: documented(createKeySchema(tools).prefault("clientIp"), {
      kind: "key",
      about:
        "Whose requests are counted together: `clientIp` (IPv6 by its /64), `header:NAME`, `cookie:NAME`, `route` (everybody on this route), `listener` (everybody on a listener; with one `name` for the limits of all its routes). Requests without that header or cookie, and those of clients without an address (on a Unix socket whose peer is not trusted), share one count.",
      danger: "a header or cookie is the client's to choose: whoever sends another value each time is never limited.",
    }),
    store: documented(nameSchema.prefault("local"), {
      kind: "name",
      about:
        "Where the counts are: `local`, exact over all threads of this process, or the name of one of `stores`, shared with other instances: exact in Redis, on average over etcd and Consul.",
    }),
    onStoreFailure: documented(choice(["open", "closed"]).prefault("open"), {
      about:
        "What happens while the store does not answer in time: `open` lets requests pass (over etcd and Consul: as far as this instance counts by itself), `closed` refuses them.",
    }),
    dryRun: documented(z.boolean().prefault(false), {
      about:
        'Only count what would be refused (`millrace_rate_limited_total{mode="dry-run"}`); requests and answers stay untouched.',
    }),
    maxKeys: count(
      65_536,
      {
        about:
          "For how many keys at a time a local limit keeps a count, at 16 bytes each. Beyond it a new key takes over the count of the least busy one.",
      },
      { min: 1_024, max: 16_777_216 },
    ),
  });
};

/** The `rateLimit` middleware in normal form; `burst` null = the count of the rate. */
export type RateLimitOptions = OptionsOf<typeof createRateLimitSchema>;
