/** The options of sticky sessions (`sticky`). Schema and documentation; the normal form is `StickyOptions`. */
import * as z from "zod";
import { addProblem, choice, documented, duration, maybe, section, switchable } from "../base/option-schema.ts";
import { isToken } from "../http/field-text.ts";
import { exchangeKey } from "./balance-options.ts";

const cookieSchema = section({
  name: documented(
    maybe(
      z.string().superRefine((name, context) => {
        if (!isToken(name)) addProblem(context, `${JSON.stringify(name)} is not the name of a cookie`);
      }),
    ),
    {
      about: "The cookie's name. Upstreams that share a host need names that differ.",
      defaultText: "`millrace-` and a hash of the upstream's name",
    },
  ),
  maxAge: duration(
    "0s",
    {
      about: "How long a client that stays away keeps its endpoint. The cookie is renewed in the course of use.",
      zero: "until the browser is closed",
    },
    { min: 0 },
  ),
  path: documented(
    z
      .string()
      .superRefine((path, context) => {
        if (!/^\/[\x21-\x3a\x3c-\x7e]*$/.test(path))
          addProblem(
            context,
            `${JSON.stringify(path)} is not a path; it begins with "/" and has no white space and no ";"`,
          );
      })
      .prefault("/"),
    { about: "The part of the site that the cookie is sent to." },
  ),
  sameSite: documented(choice(["lax", "strict", "none"]).prefault("lax"), {
    about:
      "Whether the cookie comes along from other sites: `lax` with links, `strict` never, `none` always (and then only over HTTPS).",
  }),
  secret: documented(
    maybe(
      z.string().superRefine((secret, context) => {
        if (secret.length < 16)
          addProblem(context, "the secret is too short; at least 16 characters, such as `openssl rand -hex 32` gives");
      }),
    ),
    {
      about:
        "What cookies are signed with: give it as `${NAME}` from the environment, the same to all instances. Without it, a cookie counts only for the process that gave it, and clients change endpoints once when that is restarted.",
      defaultText: "random at each start",
      isSecret: true,
    },
  ),
});

/** The schema of an upstream's `sticky`. */
export const stickySchema = section({
  cookie: documented(switchable(cookieSchema), {
    defaultText: "off",
    about: "A signed cookie names the client's endpoint. It says nothing of addresses.",
  }),
  key: documented(maybe(exchangeKey("A key whose hash chooses the endpoint").unwrap()), {
    kind: "key",
    defaultText: "off",
    about:
      "Instead of a cookie, the hash of a key: `clientIp`, `header:NAME`, `cookie:NAME`, `query:NAME` or `path`. Requests without it are balanced. A hash knows no sessions: when an endpoint drains, its clients go at once.",
  }),
}).transform(({ cookie, key }, context) => {
  if (cookie !== null && key === null) return { cookie };
  if (key !== null && cookie === null) return { key };
  addProblem(context, cookie === null ? 'name one: "cookie" or "key"' : 'only one of "cookie" and "key"');
  return z.NEVER;
});

/** Sticky sessions in normal form. */
export type StickyOptions = z.output<typeof stickySchema>;

/** A sticky cookie in normal form; `name` null = made from the upstream's name, `secret` null = the process's own. */
export type StickyCookieOptions = z.output<typeof cookieSchema>;
