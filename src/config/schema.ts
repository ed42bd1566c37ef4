/**
 * The whole configuration: the sections that the features own, put together. `Config` is the normal form: every default
 * filled in, durations in milliseconds, sizes in bytes, plain data that can be posted to a thread.
 */
import * as z from "zod";
import { adminOptionSchema } from "../admin/options.ts";
import {
  addProblem,
  documented,
  duration,
  maybe,
  nameSchema,
  section,
  sectionCheck,
  switchable,
} from "../base/option-schema.ts";
import { overloadSchema } from "../middleware/shed/options.ts";
import { type ListenerOptions, listenerSchema } from "../net/options.ts";
import { logSchema } from "../observe/options.ts";
import { type RouteOptions, routeSchema } from "../route/options.ts";
import type { ScriptModule } from "../script/script-module.ts";
import { storesSchema } from "../store/options.ts";
import { upstreamSchema } from "../upstream/options.ts";

const upstreamsSchema = z.record(z.string(), upstreamSchema).check(
  sectionCheck((upstreams: Record<string, unknown>, context) => {
    for (const name of Object.keys(upstreams)) {
      if (!/^[A-Za-z0-9][\w.-]{0,127}$/.test(name))
        addProblem(
          context,
          `${JSON.stringify(name)} is not the name of an upstream: a letter or digit first, then letters, digits and _ . -, at most 128`,
          { atKey: true },
          [name],
        );
    }
  }),
);

/** The schema of a whole configuration. */
export const configSchema = section(
  {
    workers: documented(z.union([z.literal("auto"), z.int().min(0).max(256)]).prefault("auto"), {
      kind: '"auto" or a number',
      about:
        "How many proxy threads there are; `auto`: one for each core this process may use, and no more than the CPU quota of its control groups (a fraction counts as a whole). A reload that changes it takes effect at the next start.",
      zero: "the main thread does all the work",
    }),
    shutdown: documented(
      section({
        grace: duration("30s", {
          about: "How long exchanges under way may take to end after SIGTERM or a reload that removes what they use.",
          zero: "they are cut off at once",
        }),
        delay: duration("0s", {
          about:
            "How long new connections are still accepted after SIGTERM while `/readyz` already says no, so that a load balancer in front can notice.",
          zero: "no delay",
        }),
      }).prefault({}),
      { about: "How the proxy ends." },
    ),
    zone: documented(maybe(nameSchema), {
      kind: "name",
      defaultText: "none",
      about:
        "Where this instance runs: a data centre or availability zone, such as `${ZONE}`. Upstreams prefer the endpoints whose `zone` is the same.",
    }),
    listeners: documented(z.array(listenerSchema).min(1), { kind: "list", about: "Where requests come in." }),
    routes: documented(z.array(routeSchema).min(1), {
      kind: "list",
      about:
        "Which requests go where: by priority, then specificity, then order. A request that no route takes is answered with 404.",
    }),
    upstreams: documented(upstreamsSchema.prefault({}), {
      kind: "map of name to upstream",
      about: "The groups of endpoints that routes send requests to.",
    }),
    stores: documented(storesSchema.prefault({}), {
      kind: "map of name to store",
      about: "Places that keep what instances share, or what outlives them: servers, and for caches memory and disks.",
    }),
    overload: documented(overloadSchema.prefault({}), {
      about: "What happens when there is more to do than can be done.",
    }),
    admin: documented(switchable(adminOptionSchema), {
      kind: "section or address",
      defaultText: "off",
      about:
        'Metrics, health, status and reload over HTTP. `{}` serves them on 127.0.0.1:9901; an address alone, such as `":9901"`, stands for a section with that address.',
    }),
    log: documented(logSchema.prefault({}), { about: "What is written where." }),
  },
  ["defaults", "middlewares", "include", "errors", "tracing", "state"],
);

type ConfigSections = z.output<typeof configSchema>;

/** A complete configuration in normal form. */
export type Config = Omit<ConfigSections, "listeners" | "routes"> & {
  /** The programs that hold the functions of the configuration; empty if it has none. */
  modules: readonly ScriptModule[];
  listeners: ListenerOptions[];
  routes: RouteOptions[];
};
