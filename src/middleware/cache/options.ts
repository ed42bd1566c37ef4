/** The options of the `cache` middleware. Schema and documentation; the normal form is `CacheOptions`. */
import type { OptionsOf, SchemaTools } from "../../base/schema-builder.ts";
import { parseDuration } from "../../base/units.ts";
import { isAboutOneRequest } from "../../http/cache/cacheable-status.ts";
import { isToken, toLowerAscii } from "../../http/field-text.ts";

const maxLifetimeMs = 365 * 86_400_000;

const fieldName = (text: string): string => {
  if (!isToken(text)) throw new RangeError(`${JSON.stringify(text)} is not the name of a field`);
  return toLowerAscii(text);
};

const cookieName = (text: string): string => {
  if (!isToken(text)) throw new RangeError(`${JSON.stringify(text)} is not the name of a cookie`);
  return text;
};

const parameterPattern = (text: string): string => {
  const name = text.endsWith("*") ? text.slice(0, -1) : text;
  if (text === "" || /[\s&=#*]/.test(name))
    throw new RangeError(
      `${JSON.stringify(text)} is not the name of a query parameter; a "*" may stand at its end, for all that begin so`,
    );
  return text;
};

const createKeySchema = ({ documented, maybe, oneOrMore, parsedBy, section, z }: SchemaTools) => {
  const names = (parse: (text: string) => string) => oneOrMore(z.string().transform(parsedBy(parse)));
  return section({
    ignoreQuery: documented(names(parameterPattern).prefault([]), {
      kind: "list of names",
      about:
        "Parameters of the query that make no difference, such as `utm_*`; a `*` at the end stands for any rest. They are neither part of the key nor sent to the endpoint with a request that fills the cache. Names are compared byte by byte, as they are written in the request.",
    }),
    query: documented(maybe(names(parameterPattern)), {
      kind: "list of names",
      about:
        "The only parameters of the query that make a difference, with a `*` at the end as above; all others are treated as those of `ignoreQuery`. An empty list: none does.",
      defaultText: "all of them",
      danger: "a parameter that changes the answer and is not listed does not reach the endpoint any more.",
    }),
    headers: documented(names(fieldName).prefault([]), {
      kind: "list of field names",
      about:
        "Fields of the request that tell answers apart although the answers do not say so by `Vary`. They are read as the endpoint would see them.",
      danger: "every value is stored apart: a field with many values, such as `User-Agent`, empties the cache.",
    }),
    cookies: documented(names(cookieName).prefault([]), {
      kind: "list of cookie names",
      about: "Cookies that tell answers apart, such as that of the language. All cookies go to the endpoint.",
    }),
  });
};

const lifetime = (text: string): number => {
  const ms = parseDuration(text);
  if (ms < 1 || ms > maxLifetimeMs) throw new RangeError(`${JSON.stringify(text)} is not between 1ms and 365d`);
  return ms;
};

/** What is never stored, whatever is written. */
const isNeverStored = (status: number): boolean =>
  status < 200 || status === 206 || status === 304 || isAboutOneRequest(status);

const createNegativeSchema = ({ addProblem, parsedBy, sectionCheck, z }: SchemaTools) =>
  z.record(z.string(), z.string().transform(parsedBy(lifetime))).check(
    sectionCheck((lifetimes: Record<string, unknown>, context) => {
      for (const status of Object.keys(lifetimes))
        if (!/^[1-5]\d\d$/.test(status))
          addProblem(context, `${JSON.stringify(status)} is not a status; write 404, for instance`, { atKey: true }, [
            status,
          ]);
        else if (isNeverStored(Number(status)))
          addProblem(context, `answers of the status ${status} are never stored`, { atKey: true }, [status]);
    }),
  );

/** Makes the schema of `cache`. */
export const createCacheSchema = (tools: SchemaTools) => {
  const { addProblem, choice, documented, duration, nameSchema, oneOrMore, parsedBy, percent, section } = tools;
  const { sectionCheck, size, switchable, z } = tools;
  return section({
    store: documented(nameSchema.prefault("memory"), {
      kind: "name",
      about:
        "Where answers are kept: `memory`, shared by all threads of this process and all routes that write so, or the name of one of `stores`.",
    }),
    maxBytes: size(
      "256MiB",
      {
        about:
          "How much memory `store: memory` may take, with all that belongs to the answers. It is one store for all routes: the largest size that is written counts.",
      },
      { min: 1_048_576, max: 2 ** 36 },
    ),
    maxObjectBytes: size(
      "16MiB",
      { about: "The longest body that is stored, unless the store takes only shorter ones." },
      { min: 1_024, max: 2 ** 40 },
    ),
    key: documented(createKeySchema(tools).prefault({}), {
      about:
        "What tells answers apart, beside the route, the scheme, the host, the path and the query. These are taken byte by byte as they are sent to the endpoint.",
    }),
    tags: documented(oneOrMore(z.string().transform(parsedBy(fieldName))).prefault(["Cache-Tag", "Surrogate-Key"]), {
      kind: "list of field names",
      about: "Fields of the answer whose words are its tags: all answers with a tag can be purged at once.",
    }),
    staleWhileRevalidate: duration(
      "0s",
      {
        about:
          "How long a stale answer is used while a new one is fetched behind it, if the answer says nothing about that (`stale-while-revalidate`).",
        zero: "not at all",
      },
      { max: maxLifetimeMs },
    ),
    staleIfError: duration(
      "0s",
      {
        about:
          "How long a stale answer is used while the upstream fails, if the answer says nothing about that (`stale-if-error`).",
        zero: "not at all",
      },
      { max: maxLifetimeMs },
    ),
    heuristics: documented(
      switchable(
        section({
          fraction: percent("10%", {
            about: "The share of its age, since `Last-Modified`, that an answer stays fresh.",
          }),
          max: duration(
            "1d",
            { about: "The longest time that an answer stays fresh like this." },
            { max: maxLifetimeMs },
          ),
        }),
      ),
      {
        about:
          "Stores answers that do not say how long they are fresh, if they say when they were modified last (RFC 9111 section 4.2.2).",
        defaultText: "off: only what says so is stored",
        danger: "what nobody has thought of as cacheable is stored.",
      },
    ),
    negative: documented(createNegativeSchema(tools).prefault({}), {
      kind: "map of statuses to durations",
      about:
        "How long answers of these statuses are stored if they say nothing about it: `{ 404: 10s }`. Never 206, 304 and what is about one request alone, such as 400 or 429.",
    }),
    allowSetCookie: documented(z.boolean().prefault(false), {
      about: "Also stores answers that set a cookie.",
      danger: "everybody gets the cookie that the first client was given.",
    }),
    allowAuthorization: documented(z.boolean().prefault(false), {
      about:
        "Also stores answers to requests with `Authorization` that do not say that they are for everybody (`public`, `s-maxage`, `must-revalidate`).",
      danger: "everybody gets what one user may see, unless `key.headers` names `authorization`.",
    }),
    collapse: documented(
      z
        .union([
          z.boolean(),
          z.enum(["on", "off"]),
          section({
            timeout: duration(
              "5s",
              { about: "How long a request waits for another one before it goes to the upstream itself." },
              { max: 3_600_000 },
            ),
          }),
        ])
        .prefault(true)
        .transform((value) =>
          value === false || value === "off" ? null : value === true || value === "on" ? { timeout: 5_000 } : value,
        ),
      {
        about: "Lets requests for the same thing wait for the first of them, so that the upstream gets one.",
        kind: "section",
      },
    ),
    hitForMiss: duration(
      "120s",
      {
        about:
          "How long it is remembered that an answer cannot be stored: requests for it do not wait for each other meanwhile.",
        zero: "not at all",
      },
      { max: 86_400_000 },
    ),
    requestDirectives: documented(choice(["honor", "ignore"]).prefault("honor"), {
      about:
        "Whether `Cache-Control` and `Pragma` of requests count (RFC 9111 section 5.2.1), as browsers send them with a forced reload.",
      danger: "with `honor` every client can make the cache ask the upstream; `ignore` takes the load off it.",
    }),
    statusField: documented(z.boolean().prefault(true), {
      about: "Says in answers what the cache did, in `Cache-Status` (RFC 9211).",
    }),
  }).check(
    sectionCheck((cache: Record<string, unknown>, context) => {
      const key = cache["key"] as Record<string, unknown> | undefined;
      const headers = key?.["headers"];
      if (Array.isArray(headers) && headers.some((name) => name === "cookie"))
        addProblem(context, 'name single cookies in "cookies": the whole Cookie field is another for each client', {}, [
          "key",
          "headers",
        ]);
    }),
  );
};

/** The `cache` middleware in normal form; `collapse` and `heuristics` null = off. */
export type CacheOptions = OptionsOf<typeof createCacheSchema>;
