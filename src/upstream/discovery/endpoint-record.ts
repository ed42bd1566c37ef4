/**
 * An endpoint as a record in a store says it: `http://host:port`, or an object with `url` and, if wanted, `weight`,
 * `zone`, `backup` and `identity`. What strangers may write is read here: bounded, and never trusted to be well-formed.
 */
import { ipVersion } from "../../base/ip-address.ts";
import { parseEndpointAddress } from "../endpoint-address.ts";
import type { ListedEndpoint } from "../endpoint-source.ts";
import { maxWeight } from "../endpoint.ts";
import { isHostAddress } from "../names/host-address.ts";

const maxRecordChars = 4_096;
const maxIdentityChars = 256;
/** The longest sentence about a record, or name in one, that is shown. */
const maxShownChars = 200;
const zonePattern = /^[A-Za-z0-9][\w.:/*@+-]{0,127}$/;

/** How records of a source are read. */
export interface RecordRules {
  /**
   * May it name Unix sockets of this machine, and addresses that mean something only here or on its links, among them
   * that of a cloud's metadata? Default: no, what others write does not reach them.
   */
  readonly allowsSockets?: boolean;
}

/**
 * Reads a record: the text of a value, or an object that was read already. Keys that it does not know are left alone.
 * @returns the endpoint, or a sentence that says why it is none, without secrets
 */
export function readEndpointRecord(record: unknown, rules: RecordRules = {}): ListedEndpoint | string {
  let value = record;
  if (typeof record === "string") {
    if (record.length > maxRecordChars) return `a record of ${record.length} characters is too long`;
    const text = record.trim();
    if (text === "") return "an empty record is no endpoint";
    if (!text.startsWith("{")) return readFields({ url: text }, rules);
    try {
      value = JSON.parse(text);
    } catch {
      return "a record that begins with { is not JSON";
    }
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return "a record is a URL or an object with a URL";
  return readFields(value as Readonly<Record<string, unknown>>, rules);
}

function readFields(fields: Readonly<Record<string, unknown>>, rules: RecordRules): ListedEndpoint | string {
  const { url, weight = 1, zone = null, backup = false, identity = null } = fields;
  if (typeof url !== "string") return 'a record has no "url" that is text';
  if (url.length > maxRecordChars) return `a URL of ${url.length} characters is too long`;
  // What stands before an @ may be a password, wherever it is: nothing of such a URL is shown.
  if (url.includes("@")) return "the URL of a record has a user name or password; endpoints have neither";
  if (url.startsWith("unix:") && rules.allowsSockets !== true)
    return `${shown(url)} is a socket of this machine, which a record must not name`;
  if (typeof weight !== "number" || !Number.isInteger(weight) || weight < 0 || weight > maxWeight)
    return `the weight of ${shown(url)} is not a whole number from 0 to ${maxWeight}`;
  if (zone !== null && (typeof zone !== "string" || !zonePattern.test(zone)))
    return `the zone of ${shown(url)} is not a name`;
  if (typeof backup !== "boolean") return `"backup" of ${shown(url)} is not true or false`;
  if (identity !== null && (typeof identity !== "string" || identity.length > maxIdentityChars))
    return `the identity of ${shown(url)} is not a text of at most ${maxIdentityChars} characters`;
  try {
    const address = parseEndpointAddress(url);
    if (rules.allowsSockets !== true && address.host !== null && !canBeService(address.host))
      return `${shown(url)} is no address of a service: it is that of a link, a group or this machine`;
    return { ...address, weight, backup, zone, identity };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return error.message.length > maxShownChars ? `${shown(url)} is not the URL of an endpoint` : error.message;
  }
}

function canBeService(host: string): boolean {
  const version = ipVersion(host);
  if (version !== 6) return version === 0 || isHostAddress(host);
  // Records may have an address in any spelling, and with the interface of a link (`fe80::1%eth0`).
  return isHostAddress(new URL(`http://[${host.replace(/%.*/, "")}]`).hostname.slice(1, -1));
}

function shown(text: string): string {
  return JSON.stringify(text.length > maxShownChars / 2 ? `${text.slice(0, maxShownChars / 2)}…` : text);
}
