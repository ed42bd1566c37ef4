/** The target `upstream`: a group of endpoints answers. */
import type { SchemaTools } from "../../base/schema-builder.ts";
import type { RouteTarget } from "./target.ts";

const createUpstreamSchema = ({ z }: SchemaTools) => z.string();

/** `upstream`: the name of the upstream that answers. */
export const upstreamTarget: RouteTarget<"upstream", typeof createUpstreamSchema> = {
  key: "upstream",
  doc: { kind: "name", about: "The upstream that answers." },
  createSchema: createUpstreamSchema,
  sendsUpstream: true,
  create: (name, context) => context.forwardTo(name),
  describe: (name) => `upstream ${name}`,
  findReferences: (written) =>
    typeof written === "string" ? [{ section: "upstreams", name: written, alwaysKnown: [], path: [] }] : [],
};
