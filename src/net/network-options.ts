/** Networks as options have them. Schemas. */
import * as z from "zod";
import { ipVersion } from "../base/ip-address.ts";
import { addProblem } from "../base/option-schema.ts";
import { unixPeers } from "./listen-address.ts";

/** A network in CIDR notation or a single address. */
export const cidrSchema = z.string().superRefine(checkNetwork);

function checkNetwork(text: string, context: z.core.$RefinementCtx<string>): void {
  const match = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text);
  const family = ipVersion(match?.[1] ?? "");
  if (match === null || family === 0 || match[1]?.includes("%") === true) {
    addProblem(
      context,
      `${JSON.stringify(text)} is not a network; write for example "10.0.0.0/8", "2001:db8::/32" or "192.0.2.7"`,
    );
  } else if (match[2] !== undefined && Number(match[2]) > (family === 4 ? 32 : 128)) {
    addProblem(
      context,
      `${JSON.stringify(text)} has a prefix longer than an IPv${family} address; at most /${family === 4 ? 32 : 128}`,
    );
  }
}

/** A network whose proxies are trusted, or `unix` (also written `unix:`, as other servers have it). */
export const trustedSchema = z
  .string()
  .transform((text) => (text === "unix:" ? unixPeers : text))
  .superRefine((text, context) => {
    if (text !== unixPeers) checkNetwork(text, context);
  });
