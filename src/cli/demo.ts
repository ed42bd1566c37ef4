/** `millrace demo`: three embedded backends and a proxy in front of them, to look around. */
import type { Command } from "commander";
import type { DemoBackend } from "./demo/backend.ts";

interface DemoFlags {
  readonly listen?: string;
  readonly port?: string;
  readonly admin: string;
  readonly workers: string;
  readonly balance: string;
}

const backendNames = ["one", "two", "three"] as const;

/** Declares the command. */
export function addDemoCommand(program: Command): Command {
  return program
    .command("demo")
    .usage("[options]")
    .description("Run three backends and a proxy in front of them, to look around.")
    .option("-p, --port <port>", "the proxy's port (default: 8080)")
    .option("-l, --listen <address>", "the proxy's address, instead of a port")
    .option("--admin <address>", "the admin listener's address", "127.0.0.1:9901")
    .option("-b, --balance <name>", "how an endpoint is picked", "round-robin")
    .option("--workers <number>", "proxy threads; auto: one a core", "auto")
    .action(runDemo);
}

async function runDemo(flags: DemoFlags): Promise<void> {
  const [{ startBackend }, { buildDemoConfig, writeDemoGuide }, { validateConfig }, { toUsageFailure }, { serve }] =
    await Promise.all([
      import("./demo/backend.ts"),
      import("./demo/guide.ts"),
      import("../config/config-loader.ts"),
      import("./problems.ts"),
      import("./serve.ts"),
    ]);
  const backends: DemoBackend[] = await Promise.all(backendNames.map(startBackend));
  const close = async (): Promise<void> => {
    await Promise.all(backends.map((backend) => backend.close()));
  };
  const listen = flags.listen ?? `:${flags.port ?? "8080"}`;
  try {
    await serve({
      load: async () => {
        try {
          return await validateConfig(buildDemoConfig(backends, { ...flags, listen }));
        } catch (error) {
          throw await toUsageFailure(error, "demo", flags.listen === undefined ? "--port" : "--listen");
        }
      },
      file: null,
      isWatched: false,
      logFormat: "text",
      addressHint:
        "Choose another port with `millrace demo --port 8081`, another admin address with `--admin 127.0.0.1:9902`.",
      onReady: (proxy) => writeDemoGuide(proxy, backends),
      onClosed: close,
    });
  } catch (error) {
    await close();
    throw error;
  }
}
