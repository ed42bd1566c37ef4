/** `millrace drain`: sends an endpoint no new requests, and can wait until those under way have ended. */
import type { Command } from "commander";
import {
  addEndpointCommand,
  changeEndpoint,
  describeShare,
  type EndpointFlags,
  type EndpointTarget,
  untilIdle,
} from "./endpoint-command.ts";
import { CommandFailure } from "./failure.ts";
import { print, printError } from "./terminal.ts";

interface DrainFlags extends EndpointFlags {
  readonly wait?: boolean;
  readonly timeout?: string;
}

const examples = `
  millrace drain api 10.0.0.1:8081 --wait                  until nothing is under way there
  millrace drain api http://10.0.0.1:8081 --wait --timeout 30s
  millrace enable api 10.0.0.1:8081                        after the deploy`;

/** Declares the command. */
export function addDrainCommand(program: Command): Command {
  return addEndpointCommand(program, {
    name: "drain",
    about: "Send an endpoint no new requests; those under way end as they began.",
    examples,
  })
    .option("--wait", "return when nothing is in flight there any more; WebSockets and other long answers count")
    .option("--timeout <duration>", "give up waiting after this time, with exit code 1 (default: never)")
    .action(async (upstream: string, endpoint: string, file: string | undefined, flags: DrainFlags) => {
      await drain({ upstream, endpoint, file, flags }, flags);
    });
}

async function drain(target: EndpointTarget, { wait, timeout }: DrainFlags): Promise<void> {
  const limitMs = timeout === undefined ? Infinity : await parseTimeout(timeout);
  const { place, report } = await changeEndpoint(target, { action: "drain" });
  const { url, inFlight } = report.endpoint;
  print(`${url} is draining, ${inFlight} in flight; ${describeShare(report)}.`);
  if (report.takingCount === 0)
    printError(`Nobody is left: new requests for ${report.upstream} are answered with 503.`);
  if (wait !== true && timeout === undefined) return;
  const left = await untilIdle(place, report, limitMs);
  if (left > 0) throw new CommandFailure(`${url} still has ${left} in flight. It goes on draining.`);
  print(`${url} is idle.`);
}

async function parseTimeout(text: string): Promise<number> {
  const { parseDuration } = await import("../base/units.ts");
  try {
    return parseDuration(text);
  } catch (error) {
    throw error instanceof RangeError ? new CommandFailure(`--timeout: ${error.message}.`, 2) : error;
  }
}
