/** `millrace proxy`: a proxy configured by flags alone. */
import type { Command } from "commander";
import type { ProxyFlags } from "./flag-config.ts";

const examples = `
Examples:
  millrace proxy http://localhost:3000
  millrace proxy --listen :80 --health-path /health http://10.0.0.1:8081 http://10.0.0.2:8081
  millrace proxy --balance least-connections --access-log json --admin 127.0.0.1:9901 :8081 :8082

An endpoint is http://host:port or unix:/path; host:port and :port mean http. For routes, rewriting and more, see \`millrace run\`.
`;

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

/** Declares the command. */
export function addProxyCommand(program: Command): Command {
  return program
    .command("proxy")
    .usage("[options] ENDPOINT...")
    .description("Balance requests over endpoints, without a configuration file.")
    .argument("<endpoint...>", "where requests go")
    .option("-l, --listen <address>", "host:port, :port or unix:/path; repeatable (default: :8080)", collect)
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
    .action(async (endpoints: string[], flags: ProxyFlags) => {
      const [{ validateConfig }, { buildFlagConfig }, { toUsageFailure }, { serve }] = await Promise.all([
        import("../config/config-loader.ts"),
        import("./flag-config.ts"),
        import("./problems.ts"),
        import("./serve.ts"),
      ]);
      await serve({
        load: async () => {
          try {
            return await validateConfig(buildFlagConfig(endpoints, flags));
          } catch (error) {
            throw await toUsageFailure(error, "proxy");
          }
        },
        file: null,
        isWatched: false,
      });
    });
}
