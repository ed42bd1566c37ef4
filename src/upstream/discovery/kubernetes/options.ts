/** The options of `discovery.kubernetes`. The normal form is `KubernetesOptions`. */
import * as z from "zod";
import { addProblem, choice, documented, maybe, section } from "../../../base/option-schema.ts";
import { remoteTlsSchema } from "../../../remote/remote-tls-options.ts";

/** A name as DNS has it, RFC 1123: of a namespace or a Service. */
const labelSchema = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    "a name in Kubernetes has small letters, digits and - only, at most 63",
  );

const portSchema = z.union([
  z.int().min(1).max(65_535),
  z
    .string()
    .regex(
      /^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
      "this is neither the name nor the number of a port; a number stands without quotes",
    ),
]);

const selectorSchema = z
  .string()
  .max(1_000)
  .regex(
    /^[A-Za-z0-9./_-]+={1,2}[A-Za-z0-9._-]*(,[A-Za-z0-9./_-]+={1,2}[A-Za-z0-9._-]*)*$/,
    'write labels as "key=value", several with commas between them',
  );

const apiServerSchema = z.string().transform((text, context): string => {
  // The text may hold a password: it is not repeated.
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "" && url.search === "")
    return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
  addProblem(context, 'this is not the address of an API server; write for example "https://10.0.0.1:6443"');
  return z.NEVER;
});

/** The schema of `discovery.kubernetes`. */
export const kubernetesDiscoverySchema = section({
  service: documented(labelSchema, {
    kind: "name",
    about: "The Service. Its pods are asked directly, past its cluster address.",
  }),
  namespace: documented(maybe(labelSchema), {
    kind: "name",
    defaultText: "that of the pod",
    about: "The namespace of the Service.",
  }),
  port: documented(maybe(portSchema), {
    kind: "name or number",
    defaultText: "the only one",
    about:
      "The port: its name in the Service, or its number in the pods (`targetPort`). A Service with several ports needs it.",
  }),
  scheme: documented(maybe(choice(["http", "https", "tcp", "udp"])), {
    defaultText: "`https` if the port's `appProtocol` says so, else `http`",
    about: "What the URLs of the endpoints begin with.",
  }),
  family: documented(choice(["IPv4", "IPv6"]).prefault("IPv4"), {
    about: "Which address is used of a pod that has one of each family.",
  }),
  labelSelector: documented(maybe(selectorSchema), {
    kind: "text",
    defaultText: "none",
    about: "Labels that the EndpointSlices of the Service must have besides, `key=value`.",
  }),
  apiServer: documented(maybe(apiServerSchema), {
    kind: "URL",
    defaultText: "that of the cluster that this is a pod of",
    about: "The API server. A `kubeconfig` is not read; `http://127.0.0.1:8001` is that of `kubectl proxy`.",
  }),
  tokenFile: documented(maybe(z.string().min(1)), {
    kind: "path",
    defaultText: "that of the pod; none if `apiServer` is set",
    about:
      "The file with the token of a service account that may list and watch EndpointSlices. It is read again every minute.",
  }),
  tls: documented(maybe(remoteTlsSchema), {
    kind: "section",
    defaultText: "verified, by the authority that the pod is given; by those that Node.js trusts if `apiServer` is set",
    about: "TLS to the API server.",
  }),
}).superRefine(({ apiServer, tokenFile, namespace }, context) => {
  if (apiServer === null) return;
  if (tokenFile !== null && apiServer.startsWith("http:"))
    addProblem(context, "a token is not sent in clear text; write `https://`", {}, ["apiServer"]);
  if (namespace === null)
    addProblem(context, "with an API server of your own, say which namespace is meant", {}, ["apiServer"]);
});

/** `discovery.kubernetes` in normal form. */
export type KubernetesOptions = z.output<typeof kubernetesDiscoverySchema>;
