/** Where certificates of a listener come from beside files. */
import { acmeFactory } from "./acme-factory.ts";
import { internalFactory } from "./internal-factory.ts";
import type { SourceFactory } from "./source-factory.ts";

/** All kinds. */
export const sourceFactories: readonly SourceFactory[] = [acmeFactory, internalFactory];
