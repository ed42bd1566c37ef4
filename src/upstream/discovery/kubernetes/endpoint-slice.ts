/**
 * An EndpointSlice (`discovery.k8s.io/v1`) as the API server gives it, read into what a proxy needs of it. What the
 * server says is not trusted to be well-formed: an endpoint that cannot be read is left out with a sentence, and the
 * others of its slice stay.
 */

/** The label that ties a slice to its Service. */
export const serviceLabel = "kubernetes.io/service-name";

/** The API allows 1,000 endpoints in a slice. */
const maxEndpoints = 1_000;
const maxPorts = 100;
const maxNameChars = 253;

/** A port that the endpoints of a slice serve. */
export interface SlicePort {
  /** The name of the port in the Service; "" if it has none. */
  readonly name: string;
  /** The port of the pods; null if the slice does not restrict it. */
  readonly number: number | null;
  /** `TCP`, `UDP` or `SCTP`. */
  readonly protocol: string;
  /** What is spoken there, if the Service says so: `https`, `kubernetes.io/h2c`. */
  readonly appProtocol: string | null;
}

/** One endpoint of a slice: usually a pod. */
export interface SliceEndpoint {
  readonly address: string;
  readonly isReady: boolean;
  readonly isServing: boolean;
  readonly isTerminating: boolean;
  readonly zone: string | null;
  /** The UID of the pod behind it; null if nobody says. */
  readonly uid: string | null;
}

/** What a proxy needs of a slice. */
export interface EndpointSlice {
  readonly name: string;
  readonly uid: string;
  /** The name of the Service; "" if the slice has none. */
  readonly service: string;
  /** The resource version of the object. */
  readonly version: string;
  readonly addressType: "IPv4" | "IPv6" | "FQDN";
  readonly endpoints: readonly SliceEndpoint[];
  readonly ports: readonly SlicePort[];
  /** A sentence for each endpoint or port that was left out. */
  readonly refused: readonly string[];
}

/** Members of an object, of whatever type. */
export type Members = Readonly<Record<string, unknown>>;

/** `value` if it is an object; an empty one if not. */
export function membersOf(value: unknown): Members {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : {};
}

/** The name of an object of the API, or null if it has none that can be used. */
export function nameOf(object: unknown): string | null {
  const { name } = membersOf(membersOf(object)["metadata"]);
  return typeof name === "string" && /^[\w.-]+$/.test(name) && name.length <= maxNameChars ? name : null;
}

/** The name of the Service that an object belongs to, or "". */
export function serviceOf(object: unknown): string {
  const service = membersOf(membersOf(membersOf(object)["metadata"])["labels"])[serviceLabel];
  return typeof service === "string" ? service : "";
}

/** The resource version of an object or a list, or null if it has none. */
export function versionOf(object: unknown): string | null {
  const { resourceVersion } = membersOf(membersOf(object)["metadata"]);
  return typeof resourceVersion === "string" && /^[\w.-]{1,128}$/.test(resourceVersion) ? resourceVersion : null;
}

/**
 * Is the resource version `one` later than `other`? Versions that are not numbers are not compared: then the answer is
 * no.
 */
export function isLater(one: string, other: string): boolean {
  if (!/^[1-9]\d*$/.test(one) || !/^[1-9]\d*$/.test(other)) return false;
  return one.length === other.length ? one > other : one.length > other.length;
}

/** Reads a slice. @returns it, or a sentence that says why it cannot be used */
export function readEndpointSlice(object: unknown): EndpointSlice | string {
  const name = nameOf(object);
  if (name === null) return "a slice has no name";
  const version = versionOf(object);
  if (version === null) return `the slice ${name} has no resource version`;
  const members = membersOf(object);
  const { addressType, endpoints = null, ports = null } = members;
  if (addressType !== "IPv4" && addressType !== "IPv6" && addressType !== "FQDN")
    return `the slice ${name} has no addressType that is known`;
  // Go writes null for an empty list.
  if (endpoints !== null && !Array.isArray(endpoints)) return `the endpoints of the slice ${name} are no list`;
  if (ports !== null && !Array.isArray(ports)) return `the ports of the slice ${name} are no list`;
  const refused: string[] = [];
  const { uid } = membersOf(members["metadata"]);
  return {
    name,
    uid: typeof uid === "string" ? uid : "",
    service: serviceOf(object),
    version,
    addressType,
    endpoints: readAll(
      { items: (endpoints as unknown[]) ?? [], most: maxEndpoints, what: `endpoint of ${name}`, refused },
      readEndpoint,
    ),
    ports: readAll({ items: (ports as unknown[]) ?? [], most: maxPorts, what: `port of ${name}`, refused }, readPort),
    refused,
  };
}

interface Items {
  readonly items: readonly unknown[];
  readonly most: number;
  readonly what: string;
  readonly refused: string[];
}

function readAll<Item>({ items, most, what, refused }: Items, read: (members: Members) => Item | string): Item[] {
  const found: Item[] = [];
  for (const item of items.slice(0, most)) {
    const one = read(membersOf(item));
    if (typeof one === "string") refused.push(`an ${what} ${one}`.replace(/^an port/, "a port"));
    else found.push(one);
  }
  if (items.length > most) refused.push(`the ${what} number ${most + 1}, and all after it, are too many`);
  return found;
}

function readEndpoint({ addresses, conditions, zone, targetRef }: Members): SliceEndpoint | string {
  // "No semantics are defined for additional addresses beyond the first": kube-proxy does not look at them either.
  const address = Array.isArray(addresses) ? (addresses as unknown[])[0] : undefined;
  if (typeof address !== "string" || address === "" || address.length > maxNameChars) return "has no address";
  const { ready, serving, terminating } = membersOf(conditions);
  if (!isFlag(ready) || !isFlag(serving) || !isFlag(terminating)) return "has conditions that are not true or false";
  const { uid } = membersOf(targetRef);
  return {
    address,
    // Nil is "true" for these two and "false" for the third, says the API.
    isReady: ready ?? true,
    isServing: serving ?? true,
    isTerminating: terminating ?? false,
    zone: typeof zone === "string" && zone !== "" ? zone : null,
    uid: typeof uid === "string" && uid !== "" && uid.length <= maxNameChars ? uid : null,
  };
}

function readPort({ name, port, protocol, appProtocol }: Members): SlicePort | string {
  const number = port ?? null;
  if (number !== null && (typeof number !== "number" || !Number.isInteger(number) || number < 1 || number > 65_535))
    return "is not a number from 1 to 65535";
  return {
    name: typeof name === "string" && name.length <= maxNameChars ? name : "",
    number,
    protocol: typeof protocol === "string" ? protocol : "TCP",
    appProtocol: typeof appProtocol === "string" ? appProtocol : null,
  };
}

function isFlag(value: unknown): value is boolean | null | undefined {
  return value === undefined || value === null || typeof value === "boolean";
}
