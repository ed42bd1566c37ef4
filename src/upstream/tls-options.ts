/** The options of TLS to the endpoints of an upstream (`tls`). The normal form is `EndpointTls`. */
import * as z from "zod";
import { addProblem, choice, documented, maybe, section } from "../base/option-schema.ts";
import { noClientTexts } from "../net/tls/client-context.ts";
import { toPeerName } from "../net/tls/peer-name.ts";
import type { EndpointTls } from "./endpoint-tls.ts";

const pathSchema = maybe(z.string().min(1));

/** The schema of an upstream's `tls`. */
export const endpointTlsSchema = section({
  verify: documented(z.boolean().prefault(true), {
    about:
      "Endpoints must prove who they are: by a certificate that is valid, issued by an authority that is trusted, and holds for their name.",
    danger:
      "with `false` anybody on the way can read and change everything, and give himself out as the endpoint. A warning says so at every start and reload. To trust a certificate of your own, name it in `ca` instead.",
  }),
  ca: documented(pathSchema, {
    kind: "path",
    defaultText: "the authorities that Node.js trusts",
    about:
      "A file with the certificates (PEM) that are trusted in place of the well-known authorities: of authorities, or of the endpoints themselves.",
  }),
  crl: documented(pathSchema, {
    kind: "path",
    defaultText: "none",
    about:
      "A file with revocation lists (PEM), one of each authority in `ca`. An endpoint whose certificate is in one, or whose list is out of date, is not used.",
  }),
  serverName: documented(
    maybe(
      z.string().superRefine((name, context) => {
        if (toPeerName(name) === null)
          addProblem(context, `${JSON.stringify(name)} is neither a host name nor an address`);
      }),
    ),
    {
      kind: "host name",
      defaultText: "the host of the endpoint's URL",
      about:
        "Whom endpoints must prove to be, and what they are asked for (SNI), in requests and health checks alike. For an address there is no SNI, and the certificate must name the address.",
    },
  ),
  cert: documented(pathSchema, {
    kind: "path",
    defaultText: "none",
    about: "A file with the certificate (PEM) that endpoints are shown if they ask for one, and the chain behind it.",
  }),
  key: documented(pathSchema, { kind: "path", defaultText: "none", about: "The file with the key (PEM) of `cert`." }),
  minVersion: documented(choice(["1.2", "1.3"]).prefault("1.2"), {
    about: "The least version of TLS that is spoken to endpoints.",
  }),
}).transform(({ verify, ca, crl, serverName, cert, key, minVersion }, context): EndpointTls => {
  if (cert !== null && key === null) addProblem(context, "the certificate has no key; write `key`", {}, ["cert"]);
  if (key !== null && cert === null) addProblem(context, "the key has no certificate; write `cert`", {}, ["key"]);
  if (crl !== null && ca === null)
    addProblem(context, "revocation lists need the authorities that have issued them; write `ca`", {}, ["crl"]);
  if (!verify && ca !== null)
    addProblem(context, "with `verify: false` nothing is trusted or distrusted; leave out one of the two", {}, ["ca"]);
  return { verify, serverName, minVersion, ca, crl, cert, key, texts: noClientTexts };
});
