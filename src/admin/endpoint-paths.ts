/**
 * The paths below `/api/v1/upstreams/{upstream}/endpoints/{endpoint}`, both percent-encoded: the state of one endpoint,
 * and `drain`, `enable` and `weight`. An endpoint is named by its URL as configured, by `host:port`, or by its position
 * from 0.
 */
import { maxWeight } from "../upstream/endpoint.ts";
import { type AdminAnswer, jsonAnswer } from "./admin-answer.ts";
import type { AdminPath } from "./admin-path.ts";
import type { AdminSources, EndpointChange } from "./admin-sources.ts";

interface EndpointName {
  readonly upstream: string;
  readonly endpoint: string;
}

const pattern = /^\/api\/v1\/upstreams\/([^/]+)\/endpoints\/([^/]+)(?:\/(drain|enable|weight))?$/;

/** What is at `pathName`; undefined if it is none of these paths. */
export function findEndpointPath(pathName: string): AdminPath | undefined {
  const match = pattern.exec(pathName);
  const upstream = decode(match?.[1]);
  const endpoint = decode(match?.[2]);
  if (match === null || upstream === null || endpoint === null) return undefined;
  const name = { upstream, endpoint };
  switch (match[3]) {
    case "drain":
      return changing("sends the endpoint no new requests", name, () => ({ kind: "drain" }));
    case "enable":
      return changing("ends the draining of the endpoint", name, () => ({ kind: "enable" }));
    case "weight":
      return changing("gives the endpoint another weight", name, readWeight);
    default:
      return {
        method: "GET",
        need: "read",
        about: "the state of an endpoint",
        answer: (sources) => answer(sources, name, null),
      };
  }
}

function changing(about: string, name: EndpointName, readChange: (body: string) => EndpointChange | null): AdminPath {
  return {
    method: "POST",
    need: "write",
    about,
    answer: (sources, { body }) => {
      const change = readChange(body);
      return change === null
        ? jsonAnswer(400, {
            error: `The body must be JSON with a whole number from 0 to ${maxWeight}, or null for the configured weight: {"weight": 5}.`,
          })
        : answer(sources, name, change);
    },
  };
}

function answer(
  sources: AdminSources,
  { upstream, endpoint }: EndpointName,
  change: EndpointChange | null,
): AdminAnswer {
  const found = sources.endpoint(upstream, endpoint, change);
  return "missing" in found
    ? jsonAnswer(404, { error: `There is no such ${found.missing}.`, ...found })
    : jsonAnswer(200, found);
}

function readWeight(body: string): EndpointChange | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || !("weight" in value)) return null;
  const { weight } = value;
  return weight === null ||
    (typeof weight === "number" && Number.isInteger(weight) && weight >= 0 && weight <= maxWeight)
    ? { kind: "weight", weight }
    : null;
}

function decode(segment: string | undefined): string | null {
  try {
    return decodeURIComponent(segment ?? "");
  } catch {
    return null;
  }
}
