/** `millrace enable`: ends the draining of an endpoint. */
import type { Command } from "commander";
import { addEndpointCommand, changeEndpoint, describeShare, type EndpointFlags } from "./endpoint-command.ts";
import { print } from "./terminal.ts";

const examples = `
  millrace enable api 10.0.0.1:8081`;

/** Declares the command. */
export function addEnableCommand(program: Command): Command {
  return addEndpointCommand(program, {
    name: "enable",
    about: "Send a drained endpoint new requests again.",
    examples,
  }).action(async (upstream: string, endpoint: string, file: string | undefined, flags: EndpointFlags) => {
    const { report } = await changeEndpoint({ upstream, endpoint, file, flags }, { action: "enable" });
    const { url, isAvailable, weight } = report.endpoint;
    const hindrance = !isAvailable ? ", but it is not healthy yet" : weight === 0 ? ", but its weight is 0" : "";
    print(`${url} is enabled${hindrance}; ${describeShare(report)}.`);
  });
}
