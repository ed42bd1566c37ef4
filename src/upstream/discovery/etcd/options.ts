/** The options of discovery by etcd. Schema and documentation. */
import * as z from "zod";
import { documented, section } from "../../../base/option-schema.ts";
import { checkEtcdLogin, etcdClusterShape } from "../../../remote/etcd/etcd-cluster-options.ts";

/** The schema of `discovery.etcd`. */
export const etcdDiscoverySchema = section({
  ...etcdClusterShape,
  prefix: documented(z.string().min(1).max(1_000), {
    kind: "text",
    about:
      "Each key that begins with it holds an endpoint: `http://10.0.0.7:8080`, or an object in JSON with `url` and, if wanted, `weight`, `zone`, `backup` and `identity`. It ends with a slash as a rule: `/services/api` also takes what belongs to `/services/api2`.",
  }),
}).check(checkEtcdLogin);

/** `discovery.etcd` in normal form. */
export type EtcdDiscoveryOptions = z.output<typeof etcdDiscoverySchema>;
