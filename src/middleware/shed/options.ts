/** The options of load shedding: one section for the whole proxy, one word a route. Schema and documentation. */
import { choice, documented, duration, section } from "../../base/option-schema.ts";

/** The schema of `overload`. */
export const overloadSchema = section({
  maxEventLoopLag: duration(
    "0s",
    {
      about:
        "How late a proxy thread's event loop may be before requests are refused with 503: more and more of them the later it is. 50ms to 200ms are sensible.",
      zero: "nothing is refused",
    },
    { max: 60_000 },
  ),
});

/** When a route's requests are refused under load. */
const shedClasses = ["early", "normal", "never"] as const;

/** How soon the requests of a route are refused. */
export type ShedClass = (typeof shedClasses)[number];

/** The schema of a route's `shed`. */
export const shedSchema = documented(choice(shedClasses).prefault("normal"), {
  about:
    "Who goes first when `overload.maxEventLoopLag` is reached: `early` routes from half of it, `normal` ones above it, `never` is for what must get through, such as health checks.",
});
