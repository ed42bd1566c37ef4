/** The options of a cluster of etcd, for every section that names one. The normal form is `EtcdClusterOptions`. */
import * as z from "zod";
import { addProblem, documented, maybe, sectionCheck } from "../../base/option-schema.ts";
import { remoteTlsSchema } from "../remote-tls-options.ts";
import type { RemoteTlsOptions } from "../remote-tls-options.ts";

const memberUrlSchema = z.string().transform((text, context): string => {
  // The text may hold a password: it is not repeated.
  const url = URL.canParse(text) ? new URL(text) : null;
  const isMember = url !== null && /^https?:$/.test(url.protocol) && url.pathname === "/" && url.search === "";
  if (isMember && url.username === "" && url.password === "") return url.origin;
  addProblem(
    context,
    isMember
      ? "the URL of a member has no user name or password; write them as `user` and `password`"
      : 'this is not the URL of a member; write for example "http://10.0.0.1:2379"',
  );
  return z.NEVER;
});

/** The keys of a section that names a cluster. */
export const etcdClusterShape = {
  urls: documented(z.array(memberUrlSchema).min(1).max(16), {
    kind: "list of URLs",
    about:
      "The members of the cluster (etcd 3.4 or later, asked over its JSON gateway). One is asked; if it does not answer, or has no leader, the next.",
  }),
  user: documented(maybe(z.string().min(1).max(200)), { defaultText: "none", about: "Who logs in." }),
  password: documented(maybe(z.string().max(1_000)), {
    defaultText: "none",
    about: "The password of `user`.",
    isSecret: true,
  }),
  tls: documented(maybe(remoteTlsSchema), {
    defaultText: "what Node.js trusts, for URLs with `https:`",
    about: "How the members are verified, and what they are shown.",
  }),
};

/** The check of a section that has these keys. */
export const checkEtcdLogin = sectionCheck(
  ({ user, password }: { readonly user?: unknown; readonly password?: unknown }, context) => {
    if (password !== undefined && password !== null && (user === undefined || user === null))
      addProblem(context, "the password has no user; write `user`", { atKey: true }, ["password"]);
  },
);

/** A cluster in normal form. */
export interface EtcdClusterOptions {
  readonly urls: readonly string[];
  readonly user: string | null;
  readonly password: string | null;
  readonly tls: RemoteTlsOptions | null;
}
