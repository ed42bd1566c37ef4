/** The options of discovery by a file: its path. Schema and documentation. */
import * as z from "zod";

/** The schema of `discovery.file`. */
export const fileDiscoverySchema = z.string().min(1);

/** `discovery.file` in normal form. */
export type FileDiscoveryOptions = z.output<typeof fileDiscoverySchema>;
