/** The `fault` middleware as a kind. */
import type { MiddlewareKind } from "../kind.ts";
import { createFault } from "./fault.ts";
import { createFaultSchema } from "./options.ts";

/** `fault`: makes some requests slow or fail on purpose. */
export const faultKind: MiddlewareKind<"fault", typeof createFaultSchema> = {
  key: "fault",
  about: "Makes some requests slow or fail on purpose, to rehearse.",
  createSchema: createFaultSchema,
  create: (options, context) => createFault(options, context),
};
