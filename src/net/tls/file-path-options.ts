/** How options of TLS name a file. */
import * as z from "zod";

/** The path of a file. In a configuration file it is relative to the folder of that file; else to the working folder. */
export const filePathSchema = z.string().min(1).max(4_096);
