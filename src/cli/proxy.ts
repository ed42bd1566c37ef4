/** `millrace proxy`: a proxy configured by flags alone. */
import type { Command } from "commander";
import type { ProxyFlags } from "./flag-config.ts";

const examples = `
Examples:
  millrace proxy example.com http://localhost:3000   HTTPS by itself: certificate, renewal, redirect from :80
  millrace proxy localhost http://localhost:3000     HTTPS on this machine (see \`millrace trust\`)
  millrace proxy http://localhost:3000
  millrace proxy --listen :80 --health-path /health http://10.0.0.1:8081 http://10.0.0.2:8081
  millrace proxy --balance least-connections --access-log json --admin 127.0.0.1:9901 :8081 :8082

An endpoint is http://host:port, https://host:port or unix:/path; host:port and :port mean http.
A name is a host without scheme and port, before the endpoints. Names ending in localhost, test, local, internal and the
like have certificates of the local authority, others of Let's Encrypt: then port 443 or 80 must be reachable from outside.
 For routes, rewriting and more, see \`millrace run\`.
`;

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

/** As it stands in a URL of HTTPS. */
function portOf(address: string): string {
  const port = /:\d+$/.exec(address)?.[0] ?? "";
  return port === ":443" ? "" : port;
}

/** Declares the command. */
export function addProxyCommand(program: Command): Command {
  return program
    .command("proxy")
    .usage("[options] [NAME...] ENDPOINT...")
    .description("Balance requests over endpoints, without a configuration file.")
    .argument("<endpoint...>", "where requests go, and before that the names that are served over HTTPS")
    .option(
      "-l, --listen <address>",
      "host:port, :port or unix:/path; repeatable (default: :8080, with HTTPS :443)",
      collect,
    )
    .option("--tls-cert <file>", "HTTPS with this certificate (PEM, the chain behind it)")
    .option("--tls-key <file>", "its key (PEM)")
    .option("--internal", "HTTPS with certificates of the local authority, whatever the names")
    .option("--redirect <address>", "plain HTTP that sends clients to HTTPS (default: :80, unless --listen is given)")
    .option("--no-redirect", "no such listener")
    .option("--email <address>", "where the certificate authority may write to")
    .option("--acme-directory <url>", "another authority than Let's Encrypt; letsencrypt-staging for tries")
    .option("--acme-ca <file>", "the root of that directory's own certificate (PEM)")
    .option("--acme-storage <folder>", "where certificates are kept (default: in the user's data)")
    .option(
      "-b, --balance <name>",
      "round-robin, least-connections, random, power-of-two, peak-ewma or ip-hash (default: round-robin)",
    )
    .option("--backup <endpoint>", "used only while no other endpoint is available; repeatable", collect)
    .option("--health-path <path>", "check each endpoint with GET of this path (default: no checks)")
    .option("--health-interval <duration>", "time between two checks (default: 5s)")
    .option("--retries <number>", "further endpoints to try when one cannot be reached (default: 2)")
    .option("--pipelining <number>", "GETs in flight on one upstream connection (default: 1)")
    .option("--connect-timeout <duration>", "for a connection to an endpoint (default: 3s)")
    .option("--first-byte-timeout <duration>", "for an endpoint's answer to begin (default: 60s)")
    .option("--trusted-proxy <network>", "believe X-Forwarded-* from this network (10.0.0.0/8); repeatable", collect)
    .option("--admin <address>", "serve metrics, health and status there (default: nowhere)")
    .option("--workers <number>", "proxy threads; auto: one a core; 0: the main thread (default: auto)")
    .option("--access-log <format>", "json, common or combined (default: off)")
    .option("--access-log-path <file>", "where to, instead of standard output")
    .option("--log-level <level>", "debug, info, warn or error (default: info)")
    .option("--stats <duration>", "a line of statistics every so often; 0s: never (default: 5s)")
    .option("--grace <duration>", "for requests under way when stopping (default: 30s)")
    .addHelpText("after", examples)
    .action(async (texts: string[], given: Omit<ProxyFlags, "redirect"> & { redirect?: string | boolean }) => {
      const [{ validateConfig }, { buildFlagConfig }, { toUsageFailure }, { serve }, names] = await Promise.all([
        import("../config/config-loader.ts"),
        import("./flag-config.ts"),
        import("./problems.ts"),
        import("./serve.ts"),
        import("./public-names.ts"),
      ]);
      const { names: hosts, endpoints } = names.splitProxyArguments(texts);
      const { redirect, ...rest } = given;
      // Commander says true if nothing was said.
      const flags: ProxyFlags = redirect === true || redirect === undefined ? rest : { ...rest, redirect };
      await serve({
        load: async () => {
          try {
            return await validateConfig(buildFlagConfig(endpoints, flags, hosts));
          } catch (error) {
            throw await toUsageFailure(error, "proxy");
          }
        },
        file: null,
        isWatched: false,
        ...(hosts.length > 0 && {
          sites: hosts.map((host) => `https://${host}${portOf(flags.listen?.[0] ?? "")}`),
          addressHint: "Another address is `--listen :8443`, without a redirect from port 80.",
        }),
      });
    });
}
