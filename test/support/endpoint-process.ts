/** An endpoint in a process of its own, which can be killed like one. It echoes (`echo`). */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Endpoint, echo } from "./endpoint.ts";
import type { EndpointProtocol } from "./endpoint-server.ts";
import { freePort } from "./free-port.ts";
import { matrix } from "./protocols.ts";

/** A running process. */
export class EndpointProcess {
  readonly url: string;
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
    this.port = Number(new URL(url).port);
  }

  /** @param given to come back at a known port; default: one that is still free then */
  static async start(protocol: EndpointProtocol, name: string, given?: number): Promise<EndpointProcess> {
    const port = given ?? (await freePort());
    const child = spawn(
      process.execPath,
      [
        fileURLToPath(import.meta.url),
        String(matrix.findIndex((pair) => pair.endpoint === protocol)),
        name,
        String(port),
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const [said] = (await once(child.stdout!, "data")) as [Buffer];
    return new EndpointProcess(child, said.toString().trim());
  }

  /** Kills it without a word. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [row, name = "", port] = process.argv.slice(2);
  const endpoint = await Endpoint.start(matrix[Number(row)]!.endpoint, echo(name), Number(port));
  process.stdout.write(`${endpoint.url}\n`);
  // The server alone would not keep the process.
  setInterval(() => {}, 60_000);
}
