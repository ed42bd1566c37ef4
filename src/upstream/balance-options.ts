/** The options of balancing (`balance`). Schema and documentation; the normal form is `BalanceOptions`. */
import * as z from "zod";
import { addProblem, choice, documented, maybe, parsedBy, section } from "../base/option-schema.ts";
import { parseExchangeKey } from "../http/exchange-key.ts";

/** The balancers that need no options of their own. */
export const balanceNames = [
  "round-robin",
  "least-connections",
  "random",
  "power-of-two",
  "peak-ewma",
  "ip-hash",
] as const;

/** The schema of what identifies a request: a key in its canonical spelling. @param about what it is for */
export function exchangeKey(about: string) {
  return documented(z.string().transform(parsedBy(parseExchangeKey)).prefault("clientIp"), {
    kind: "key",
    about: `${about}: \`clientIp\`, \`header:NAME\`, \`cookie:NAME\`, \`query:NAME\` or \`path\`.`,
  });
}

const hashKey = exchangeKey("What is hashed; requests without it go to any endpoint");

const balanceFactorSchema = documented(
  z
    .int()
    .min(0)
    .max(10_000)
    .prefault(0)
    .superRefine((factor, context) => {
      if (factor > 0 && factor <= 100)
        addProblem(context, `${factor} leaves no room: at least 101 percent of the fair share, for example 125`);
    }),
  {
    kind: "number",
    about:
      "Bounded load: the most requests in flight that an endpoint may have, in percent of its fair share; beyond it a key goes to the next endpoint on the ring. 125 is a good value.",
    zero: "no bound: a key never leaves its endpoint",
  },
);

const hashSchema = section({
  ringHash: documented(maybe(section({ key: hashKey, balanceFactor: balanceFactorSchema })), {
    defaultText: "off",
    about:
      "Consistent hashing on a ring: the same key gets the same endpoint, and one that comes or goes moves only its own share of the keys.",
  }),
  maglev: documented(maybe(section({ key: hashKey })), {
    defaultText: "off",
    about:
      "Maglev hashing (a table of 65,537 places): as `ringHash`, with shares within 1 % and a constant cost; a change moves a few more keys.",
  }),
}).transform(({ ringHash, maglev }, context) => {
  if (ringHash !== null && maglev === null) return { ringHash };
  if (maglev !== null && ringHash === null) return { maglev };
  addProblem(context, ringHash === null ? 'name one: "ringHash" or "maglev"' : 'only one of "ringHash" and "maglev"');
  return z.NEVER;
});

/** The schema of `balance`: the name of an algorithm, or a hash. */
export const balanceSchema = z.union([choice(balanceNames), hashSchema]);

/** How an endpoint is picked: a name, or a hash and what it hashes. */
export type BalanceOptions = z.output<typeof balanceSchema>;

/** The balancers that are only a name. */
export type BalanceName = (typeof balanceNames)[number];
