/** Where something listens, in a configuration. */
import * as z from "zod";
import { documented, parsedBy, section } from "../base/option-schema.ts";
import { type ListenAddress, parseListenAddress, parseSocketMode, parseSocketPath } from "./listen-address.ts";

/** A Unix socket with permissions. */
const socketSchema = section({
  unix: documented(z.string().transform(parsedBy((path) => parseSocketPath(`unix:${path}`))), {
    kind: "path",
    about: "The path of a Unix socket.",
  }),
  mode: documented(
    z
      .string({
        error: ({ input }) =>
          typeof input === "number"
            ? `a mode is text, as 0660 is another number in YAML than it seems; write "0660"`
            : undefined,
      })
      .transform(parsedBy(parseSocketMode))
      .prefault("0660"),
    { kind: "mode", about: "The permissions of its file, from its first moment on: who may write may connect." },
  ),
});

/** A listen address as text, or a Unix socket with its permissions; `ListenAddress` in the normal form. */
export const listenAddressSchema = z.union(
  [
    z.string().transform(parsedBy(parseListenAddress)),
    socketSchema.transform(({ unix, mode }): ListenAddress => ({ kind: "unix", path: unix, mode })),
  ],
  {
    error: ({ input }) =>
      typeof input === "number"
        ? `${input} is not an address; write ":${input}" for that port on every address`
        : undefined,
  },
);
