/** `millrace weight`: gives an endpoint another share of the traffic. */
import type { Command } from "commander";
import { maxWeight } from "../upstream/endpoint.ts";
import { addEndpointCommand, changeEndpoint, describeShare, type EndpointFlags } from "./endpoint-command.ts";
import { CommandFailure } from "./failure.ts";
import { print } from "./terminal.ts";

const examples = `
  millrace weight api 10.0.0.1:8081 5            five times the share of an endpoint with weight 1
  millrace weight api 10.0.0.1:8081 0            no new requests
  millrace weight api 10.0.0.1:8081 configured   as the configuration says`;

/** Declares the command. */
export function addWeightCommand(program: Command): Command {
  const about = "Give an endpoint another weight, until the configuration gives it a new one or Millrace is restarted.";
  return addEndpointCommand(program, {
    name: "weight",
    about,
    examples,
    value: ["weight", `a whole number from 0 to ${maxWeight}, or \`configured\``],
  }).action(
    async (upstream: string, endpoint: string, text: string, file: string | undefined, flags: EndpointFlags) => {
      const { report } = await changeEndpoint(
        { upstream, endpoint, file, flags },
        { action: "weight", body: { weight: parseWeight(text) } },
      );
      const { url, weight, configuredWeight } = report.endpoint;
      print(
        `${url} has the weight ${weight}${weight === configuredWeight ? "" : ` (configured: ${configuredWeight})`}; ${describeShare(report)}.`,
      );
    },
  );
}

function parseWeight(text: string): number | null {
  if (text === "configured") return null;
  if (!/^\d{1,5}$/.test(text) || Number(text) > maxWeight)
    throw new CommandFailure(`A weight is a whole number from 0 to ${maxWeight}, or \`configured\`; not "${text}".`, 2);
  return Number(text);
}
