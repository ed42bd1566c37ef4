/** The options that bring clients from HTTP to HTTPS, and keep them there. */
import * as z from "zod";
import { addProblem, documented, maybe, section } from "../../base/option-schema.ts";
import { listenAddressSchema } from "../listen-address-options.ts";

const maxPort = 65_535;
const unitSeconds = { d: 86_400, h: 3_600, m: 60, s: 1 } as const;
/** What browsers ask for before they put a site on the list that they ship (hstspreload.org). */
const preloadSeconds = 365 * unitSeconds.d;
const longestSeconds = 10 * 366 * unitSeconds.d;

/** Seconds: other durations are at most 24 days, which is too short here. */
const ageSchema = z.string().transform((text, context): number => {
  const [, amount, unit] = /^(\d{1,9})([dhms])$/.exec(text) ?? [];
  const seconds = amount === undefined ? NaN : Number(amount) * unitSeconds[unit as keyof typeof unitSeconds];
  if (Number.isNaN(seconds)) addProblem(context, `${JSON.stringify(text)} is not a duration; write for example "365d"`);
  else if (seconds > longestSeconds) addProblem(context, `${JSON.stringify(text)} is too long; at most ten years`);
  return seconds;
});

const hstsSection = section({
  maxAge: documented(ageSchema.prefault("365d"), {
    kind: "duration",
    about: "How long a browser that was here comes by HTTPS only. `0s` takes it back.",
    danger: "for that long nobody who was here can come without TLS, nor past a certificate that does not hold.",
  }),
  includeSubdomains: documented(z.boolean().prefault(false), { about: "The same for all names below this one." }),
  preload: documented(z.boolean().prefault(false), {
    about: "The site may be put on the list that browsers ship. Needs a year, and `includeSubdomains`.",
  }),
}).superRefine(({ maxAge, includeSubdomains, preload }, context) => {
  if (preload && !(includeSubdomains && maxAge >= preloadSeconds))
    addProblem(context, "`preload` needs `includeSubdomains` and a `maxAge` of a year", {}, ["preload"]);
});

/** `hsts` of a listener with TLS; null in the normal form if it is off. */
export const hstsSchema = z
  .union([z.boolean(), z.enum(["on", "off"]), ageSchema, hstsSection])
  .optional()
  .transform((value) => {
    if (value === undefined || value === false || value === "off") return null;
    if (value === true || value === "on") return hstsSection.parse({});
    return typeof value === "number" ? { maxAge: value, includeSubdomains: false, preload: false } : value;
  });

/** HSTS in normal form; `maxAge` in seconds. */
export type HstsOptions = NonNullable<z.output<typeof hstsSchema>>;

const redirectSection = section({
  address: documented(listenAddressSchema, { kind: "address", about: "Where plain HTTP is taken." }),
  port: documented(maybe(z.int().min(1).max(maxPort)), {
    about: "The port of HTTPS as clients see it, if it is not the listener's: behind a port that is mapped.",
    defaultText: "the listener's",
  }),
  status: documented(z.union([z.literal("auto"), z.literal([301, 302, 307, 308])]).prefault("auto"), {
    kind: "`auto` or status",
    about: "301, 302, 307 or 308; `auto` is 301 for GET and HEAD, and 308, which keeps method and body, for others.",
  }),
});

/** `redirect` of a listener with TLS; null in the normal form if there is none. */
export const redirectSchema = z
  .union([z.literal(false), z.literal("off"), listenAddressSchema, redirectSection])
  .optional()
  .transform((value) => {
    if (value === undefined || value === false || value === "off") return null;
    return "kind" in value ? { address: value, port: null, status: "auto" as const } : value;
  });

/** A redirecting listener, in normal form. */
export type HttpsRedirectOptions = NonNullable<z.output<typeof redirectSchema>>;
