/** The options of active health checks. The normal form is `HealthOptions`. */
import * as z from "zod";
import {
  addProblem,
  choice,
  count,
  documented,
  duration,
  maybe,
  percent,
  section,
  switchable,
} from "../base/option-schema.ts";

/** Status codes from `from` to `to`, both included. */
export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Reads `200`, `"2xx"` or `"200-399"`.
 * @returns null for anything else.
 */
function parseStatusRange(value: unknown): StatusRange | null {
  const text = String(value);
  const one = /^([1-5])(\d\d|xx)$/i.exec(text);
  if (one !== null)
    return one[2]?.toLowerCase() === "xx"
      ? { from: Number(one[1]) * 100, to: Number(one[1]) * 100 + 99 }
      : { from: Number(text), to: Number(text) };
  const range = /^([1-5]\d\d) ?- ?([1-5]\d\d)$/.exec(text);
  if (range === null) return null;
  const [from, to] = [Number(range[1]), Number(range[2])];
  return from <= to ? { from, to } : null;
}

const statusRangeSchema = z.union([z.int(), z.string()]).transform((value, context): StatusRange => {
  const range = parseStatusRange(value);
  if (range !== null) return range;
  addProblem(context, `${JSON.stringify(value)} is not a status; write 200, "2xx" or "200-399"`);
  return z.NEVER;
});

const tcpCheckSchema = section({
  send: documented(z.string().max(4_096).prefault(""), {
    about: 'What is sent once the connection is up, for example `"PING\\r\\n"`.',
    defaultText: "nothing",
  }),
  expect: documented(z.string().max(1_024).prefault(""), {
    about: "What the first 4 KiB that the endpoint sends must contain.",
    defaultText: "nothing: a connection is enough",
  }),
});

/** The schema of an upstream's `health`. */
export const healthSchema = section(
  {
    path: documented(
      z
        .string()
        .superRefine((path, context) => {
          if (!/^\/[\x21-\x7e]*$/.test(path) || path.includes("#"))
            addProblem(
              context,
              `${JSON.stringify(path)} is not a path; it begins with "/" and has no white space, for example "/health"`,
            );
        })
        .prefault("/"),
      { about: "What is asked for, with GET." },
    ),
    host: documented(
      maybe(
        z.string().superRefine((host, context) => {
          if (!/^[\w.-]+(:\d{1,5})?$|^\[[\da-fA-F:.]+\](:\d{1,5})?$/.test(host))
            addProblem(
              context,
              `${JSON.stringify(host)} is not a host; write for example "api.internal" or "api.internal:8080"`,
            );
        }),
      ),
      { about: "The `Host` field of the check.", defaultText: "the endpoint's host and port" },
    ),
    tcp: documented(switchable(tcpCheckSchema), {
      defaultText: "off; `true` if the endpoints are `tcp://`",
      about:
        "Checks by a TCP connection in place of a request: `true` asks only that it comes about, `{ send, expect }` also what is said over it. `path`, `host` and the status do not matter then.",
    }),
    interval: duration("5s", { about: "The time between two checks of an endpoint." }, { min: 10 }),
    timeout: duration("2s", { about: "How long an answer may take; later is a failure." }),
    rise: count(2, { about: "How many successes in a row make an unhealthy endpoint healthy." }, { min: 1, max: 100 }),
    initial: documented(choice(["healthy", "unhealthy"]).prefault("healthy"), {
      about:
        "What an endpoint is before its first check has ended, at a start and whenever one comes. `healthy`: it gets requests at once, and a failure is retried elsewhere. `unhealthy`: it gets none, not in a panic either, until a check has passed; one is enough.",
    }),
    fall: count(3, { about: "How many failures in a row make a healthy endpoint unhealthy." }, { min: 1, max: 100 }),
    jitter: percent("20%", {
      about: "How far each interval is varied at random, so that checks do not march in step.",
    }),
    fastInterval: duration(
      "1s",
      {
        about:
          "The interval while an endpoint is on its way from one state to the other, or if requests pile up there; never longer than `interval`.",
      },
      { min: 10 },
    ),
    expect: documented(
      z
        .union([statusRangeSchema, z.array(statusRangeSchema).min(1)])
        .prefault("200-399")
        .transform((value): StatusRange[] => (Array.isArray(value) ? value : [value])),
      {
        kind: "status, range or list",
        about: 'The statuses that count as healthy: `200`, `"2xx"`, `"200-399"`, or a list of these.',
        defaultText: "200-399",
      },
    ),
  },
  ["grpc"],
);

/** Active health checks in normal form. */
export type HealthOptions = z.output<typeof healthSchema>;
