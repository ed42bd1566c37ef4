/**
 * Lists keys in pages, all of them at the revision of the first page: however many there are, the list is what was
 * there at one moment. If that revision is compacted meanwhile, it begins again.
 */
import { type EtcdEntry, EtcdError, type EtcdList, etcdCodes, maxEntries, maxListBytes } from "./etcd.ts";
import { RemoteError } from "../http-client.ts";
import { type EtcdMembers, isTooLarge } from "./etcd-members.ts";
import { asList, asObject, type GatewayObject, type KeyRange, readEntry, readInteger } from "./gateway-values.ts";

const largestPage = 1_000;
const maxBeginnings = 3;
/** What the next key after one begins with. */
const oneZero = Buffer.alloc(1);

/** The keys of `range`. @throws RemoteError if no member can be asked, or there is too much */
export async function listKeys(members: EtcdMembers, range: KeyRange): Promise<EtcdList> {
  for (let beginnings = 1; ; beginnings++) {
    try {
      return await listOnce(members, range);
    } catch (error) {
      if (!isCompacted(error) || beginnings >= maxBeginnings) throw error;
    }
  }
}

async function listOnce(members: EtcdMembers, range: KeyRange): Promise<EtcdList> {
  const entries: EtcdEntry[] = [];
  let bytes = 0;
  let revision = "0";
  let cluster = "0";
  let from = range.key;
  for (let limit = largestPage; ; ) {
    const page = await askPage(members, { ...range, key: from, limit, revision });
    if (page === "too large") {
      if (limit === 1) throw tooMuch("a value is too large");
      limit = Math.ceil(limit / 8);
      continue;
    }
    const header = asObject(page["header"]);
    if (revision === "0") {
      revision = readInteger(header["revision"]);
      cluster = readInteger(header["cluster_id"]);
      // An etcd without any key has a revision, too. Whoever answers without one is none, and does not say "no keys".
      if (revision === "0") throw new RemoteError("malformed", "an answer that is not etcd's");
    }
    const kvs = asList(page["kvs"]);
    for (const fields of kvs) {
      const entry = readEntry(fields);
      entries.push(entry);
      bytes += entry.key.length + entry.value.length;
    }
    if (entries.length > maxEntries) throw tooMuch(`there are more than ${maxEntries} keys`);
    if (bytes > maxListBytes) throw tooMuch(`keys and values have more than ${maxListBytes} bytes`);
    const last = asObject(kvs.at(-1))["key"];
    if (page["more"] !== true || typeof last !== "string") return { revision, cluster, entries };
    from = Buffer.concat([Buffer.from(last, "base64"), oneZero]).toString("base64");
  }
}

async function askPage(
  members: EtcdMembers,
  { key, range_end, limit, revision }: KeyRange & { readonly limit: number; readonly revision: string },
): Promise<GatewayObject | "too large"> {
  const end = range_end === null ? {} : { range_end };
  try {
    return await members.ask("kv/range", { key, ...end, limit: String(limit), revision });
  } catch (error) {
    if (isTooLarge(error)) return "too large";
    throw error;
  }
}

/** Is what was asked for at a revision not kept any more? */
function isCompacted(error: unknown): boolean {
  return error instanceof EtcdError && error.code === etcdCodes.outOfRange && error.message.includes("compacted");
}

/** It is not the fault of a member: another one would say the same. */
function tooMuch(message: string): EtcdError {
  return new EtcdError(message, { code: etcdCodes.outOfRange, status: 200 });
}
