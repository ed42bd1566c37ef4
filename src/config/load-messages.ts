/** What `config-loader.ts` and the thread it starts say to each other. */
import type { ConfigInput } from "./config-input.ts";
import type { PackedConfig } from "./packed-config.ts";
import type { Problem } from "./problem.ts";
import type { LooseText } from "./read-config-text.ts";

/** What the thread is started with. */
export type LoadRequest =
  | { readonly kind: "file"; readonly file: string; readonly path: string }
  | ({ readonly kind: "text" } & LooseText)
  | { readonly kind: "value"; readonly value: ConfigInput };

/** What it tells: each file that it reads, then what came of all. */
export type LoadMessage =
  | { readonly kind: "read"; readonly path: string; readonly digest: string }
  | { readonly kind: "config"; readonly config: PackedConfig }
  | { readonly kind: "problems"; readonly problems: readonly Problem[] };
