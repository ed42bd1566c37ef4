/** An endpoint in a process of its own, which can be killed like one. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** Echoes the request target, says its name, and answers `/health`. */
const program = `
  const [port, name] = process.argv.slice(1);
  const server = require("node:http").createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const body = request.url;
    response.writeHead(200, { "x-endpoint": name, "content-length": body.length }).end(body);
  });
  server.listen(Number(port), "127.0.0.1", () => console.log(server.address().port));
`;

/** A running process. */
export class OriginProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** @param port to come back at a known one; default: any */
  static async start(name: string, port = 0): Promise<OriginProcess> {
    const child = spawn(process.execPath, ["-e", program, String(port), name], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(child.stdout!.setEncoding("utf8"), "data")) as [string];
    return new OriginProcess(child, Number(line));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Kills it without a word. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }
}
