/** A container as Docker's API tells it, in a list or alone. Whatever is not as documented is read as if it were not there. */

/** What the container's own check says; `none` if it has none. */
export type DockerHealth = "none" | "starting" | "healthy" | "unhealthy";

/** A network that a container is in. */
export interface DockerNetwork {
  readonly name: string;
  /** Its address there; empty as long as it has none. */
  readonly address: string;
}

/** What is known of a container. */
export interface DockerContainer {
  readonly id: string;
  /** For people. */
  readonly name: string;
  readonly isRunning: boolean;
  readonly health: DockerHealth;
  readonly labels: Readonly<Record<string, unknown>>;
  /** By name. */
  readonly networks: readonly DockerNetwork[];
  /** `host`, `none`, `container:ID` or a network. */
  readonly networkMode: string;
  /** The ports that it exposes, each once: `80/tcp`. */
  readonly ports: readonly string[];
  /** Milliseconds since the epoch; 0 if it is not told. */
  readonly createdMs: number;
  /** The signal that asks it to end, as the image says it; null if that is not known: a list does not tell. */
  readonly stopSignal: string | null;
}

type Fields = Readonly<Record<string, unknown>>;

const maxNameLength = 100;
const idPattern = /^[\da-f]{12,64}$/;

/** Is this an id that can stand in a path? */
export const isContainerId = (value: unknown): value is string => typeof value === "string" && idPattern.test(value);

/** Reads an entry of `GET /containers/json`; null if it is none. */
export function readListedContainer(value: unknown): DockerContainer | null {
  const entry = fieldsOf(value);
  const { Id: id, Created: created } = entry;
  if (!isContainerId(id)) return null;
  const [name] = listOf(entry["Names"]);
  return {
    id,
    name: nameOf(name, id),
    isRunning: entry["State"] === "running",
    health: healthOfStatus(textOf(entry["Status"])),
    labels: fieldsOf(entry["Labels"]),
    networks: networksOf(entry),
    networkMode: textOf(fieldsOf(entry["HostConfig"])["NetworkMode"]),
    ports: [
      ...new Set(
        listOf(entry["Ports"])
          .map(fieldsOf)
          .map(({ PrivatePort: port, Type: type }) => `${Number(port)}/${textOf(type)}`),
      ),
    ],
    createdMs: typeof created === "number" ? created * 1_000 : 0,
    stopSignal: null,
  };
}

/** Reads the answer of `GET /containers/ID/json`; null if it is none. */
export function readInspectedContainer(value: unknown): DockerContainer | null {
  const entry = fieldsOf(value);
  const { Id: id } = entry;
  if (!isContainerId(id)) return null;
  const state = fieldsOf(entry["State"]);
  const config = fieldsOf(entry["Config"]);
  return {
    id,
    name: nameOf(entry["Name"], id),
    isRunning: state["Running"] === true && state["Paused"] !== true && state["Restarting"] !== true,
    health: healthOf(textOf(fieldsOf(state["Health"])["Status"])),
    labels: fieldsOf(config["Labels"]),
    networks: networksOf(entry),
    networkMode: textOf(fieldsOf(entry["HostConfig"])["NetworkMode"]),
    ports: [
      ...new Set([
        ...Object.keys(fieldsOf(config["ExposedPorts"])),
        ...Object.keys(fieldsOf(fieldsOf(entry["NetworkSettings"])["Ports"])),
      ]),
    ],
    createdMs: Date.parse(textOf(entry["Created"])) || 0,
    stopSignal: textOf(config["StopSignal"]) || "SIGTERM",
  };
}

function networksOf(entry: Fields): DockerNetwork[] {
  return Object.entries(fieldsOf(fieldsOf(entry["NetworkSettings"])["Networks"]))
    .map(([name, value]) => {
      const { IPAddress: ipv4, GlobalIPv6Address: ipv6 } = fieldsOf(value);
      return { name, address: textOf(ipv4) || textOf(ipv6) };
    })
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** A list has the health at the end of a sentence: `Up 5 minutes (healthy)`, `Up 1 second (health: starting)`. */
function healthOfStatus(status: string): DockerHealth {
  return healthOf(/\((?:health: )?(\w+)\)$/.exec(status.slice(-40))?.[1] ?? "");
}

function healthOf(word: string): DockerHealth {
  return word === "starting" || word === "healthy" || word === "unhealthy" ? word : "none";
}

/** Names begin with a slash. */
function nameOf(value: unknown, id: string): string {
  return textOf(value).replace(/^\//, "").slice(0, maxNameLength) || id.slice(0, 12);
}

/** `value` if it is an object, else an empty one. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

/** `value` if it is text, else empty. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
