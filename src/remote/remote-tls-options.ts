/** The options of TLS to a service that the control side asks (`tls`). The normal form is `RemoteTlsOptions`. */
import * as z from "zod";
import { addProblem, documented, maybe, section } from "../base/option-schema.ts";
import { filePathSchema } from "../net/tls/file-path-options.ts";
import { toPeerName } from "../net/tls/peer-name.ts";

/** The schema of `tls` for a service; its files are read by `remote-tls-files.ts`. */
export const remoteTlsSchema = section({
  ca: documented(maybe(filePathSchema), {
    kind: "path",
    defaultText: "the authorities that Node.js trusts",
    about: "A file with the certificates (PEM) of those who are trusted to say who the service is, in place of others.",
  }),
  cert: documented(maybe(filePathSchema), {
    kind: "path",
    defaultText: "none",
    about:
      "A file with the certificate (PEM) that the service is shown if it asks for one. This file, `key` and `ca` are read again for a new connection if they have changed.",
  }),
  key: documented(maybe(filePathSchema), {
    kind: "path",
    defaultText: "none",
    about: "The file with the key (PEM) of `cert`.",
  }),
  serverName: documented(
    maybe(
      z.string().superRefine((name, context) => {
        if (toPeerName(name) === null)
          addProblem(context, `${JSON.stringify(name)} is neither a host name nor an address`);
      }),
    ),
    { kind: "host name", defaultText: "the host of the URL", about: "Whom the service must prove to be." },
  ),
  verify: documented(z.boolean().prefault(true), {
    about: "The service must prove who it is.",
    danger:
      "with `false` anybody on the way can answer in its place, and so decide where requests go. A warning says so at every start and reload. To trust a certificate of your own, name it in `ca` instead.",
  }),
}).transform((options, context) => {
  const { ca, cert, key, verify } = options;
  if (cert !== null && key === null) addProblem(context, "the certificate has no key; write `key`", {}, ["cert"]);
  if (key !== null && cert === null) addProblem(context, "the key has no certificate; write `cert`", {}, ["key"]);
  if (!verify && ca !== null)
    addProblem(context, "with `verify: false` nothing is trusted or distrusted; leave out one of the two", {}, ["ca"]);
  return options;
});

/** `tls` in normal form: paths of files. */
export type RemoteTlsOptions = z.output<typeof remoteTlsSchema>;
