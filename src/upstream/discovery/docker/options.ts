/** The options of discovery by Docker. Schema and documentation; the normal form is `DockerDiscoveryOptions`. */
import * as z from "zod";
import { addProblem, choice, documented, maybe, section } from "../../../base/option-schema.ts";
import { remoteTlsSchema } from "../../../remote/remote-tls-options.ts";

/** Where the engine is: a socket of this machine, or a host and port. */
export interface DockerHost {
  readonly socketPath: string | null;
  /** `host:port`; of a socket, only a name. */
  readonly authority: string;
  readonly isSecure: boolean;
}

const hostSchema = z.string().transform((text, context): DockerHost => {
  const socketPath = /^(?:unix:\/\/)?(\/.+)$/.exec(text)?.[1];
  if (socketPath !== undefined) return { socketPath, authority: "docker", isSecure: false };
  const url = URL.canParse(text) ? new URL(text.replace(/^tcp:/, "http:")) : null;
  const isPlain =
    url !== null && url.username === "" && url.password === "" && url.pathname === "/" && url.search === "";
  // The text may hold a password: it is not repeated.
  if (isPlain && /^(?:tcp|https?):/.test(text))
    return { socketPath: null, authority: url.host, isSecure: url.protocol === "https:" };
  addProblem(context, 'this is no address of Docker; write "/var/run/docker.sock" or "tcp://10.0.0.1:2376"');
  return z.NEVER;
});

const labelSchema = z.string().regex(/^[^=\s]{1,200}(?:=.{0,1000})?$/, 'write "name" or "name=value"');

/** The schema of `discovery.docker`. */
export const dockerDiscoverySchema = section({
  host: documented(hostSchema.prefault("/var/run/docker.sock"), {
    kind: "path or URL",
    defaultText: "`/var/run/docker.sock`",
    about: "The socket of Docker (or Podman), or its address: `tcp://10.0.0.1:2376`.",
    danger:
      "whoever may write to this socket rules the machine. Give Millrace a socket that can only read, by a proxy that lets `GET /_ping`, `/events` and `/containers` pass.",
  }),
  labels: documented(maybe(z.array(labelSchema).min(1).max(32)), {
    kind: "list of labels",
    defaultText: "`millrace.upstream=` and the name of the upstream",
    about:
      "Containers must have all of them: `name`, or `name=value`, such as `com.docker.compose.service=api`. Those with `millrace.enable=false` are left out in any case.",
  }),
  network: documented(maybe(z.string().min(1).max(200)), {
    kind: "name",
    defaultText: "the container's label `millrace.network`, else the first by name that Millrace is in, too",
    about:
      "The network by which containers are reached. It is known which ones Millrace is in if it runs in a container of the same engine under its own host name; else name it if containers are in several.",
  }),
  port: documented(maybe(z.int().min(1).max(65_535)), {
    kind: "number",
    defaultText: "the container's label `millrace.port`, else the only port that it exposes",
    about: "The port in the container, whether or not it is published.",
  }),
  scheme: documented(maybe(choice(["http", "https", "tcp", "udp"])), {
    defaultText: "the container's label `millrace.scheme`, else `http`",
    about: "What the URLs of the endpoints begin with.",
  }),
  health: documented(choice(["respect", "ignore"]).prefault("respect"), {
    about:
      "Containers whose own check (`HEALTHCHECK`) has not passed yet, or fails, get no requests. `ignore`: they do; the checks of the upstream decide alone.",
  }),
  tls: documented(maybe(remoteTlsSchema), {
    kind: "section",
    defaultText: "none; what Node.js trusts, if the address begins with `https://`",
    about: "TLS to the address of Docker, which asks for a certificate as a rule.",
  }),
});

/** `discovery.docker` in normal form. */
export type DockerDiscoveryOptions = z.output<typeof dockerDiscoverySchema>;
