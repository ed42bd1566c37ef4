/** The whole list of slices, page by page: it is complete with its last page, and before it there is none. */
import { ApiError, type ApiQuestion, type ApiServer } from "./api-server.ts";
import {
  type EndpointSlice,
  isLater,
  membersOf,
  nameOf,
  readEndpointSlice,
  serviceOf,
  versionOf,
} from "./endpoint-slice.ts";

/** Slices of 1,000 endpoints have some 700 KiB. */
const pageSlices = 20;
/** The most slices that are taken of one list. */
const maxSlices = 2_000;
/** The most slices of which is said why they cannot be read. */
const maxUnreadable = 100;

/** A slice that cannot be used. */
export interface Unreadable {
  /** Its Service; "" if it does not say. */
  readonly service: string;
  readonly why: string;
}

/** A complete list. */
export interface SliceList {
  readonly slices: Map<string, EndpointSlice>;
  /** Why slices could not be read, by their name. */
  readonly unreadable: Map<string, Unreadable>;
  /** The resource version of the list: watching goes on from here. */
  readonly version: string;
}

/**
 * Asks for the list as it is now. The question names no resource version: the answer is never older than the moment, as
 * one "at version 0", from the memory of a server, might be.
 * @param known what was known before: a slice that cannot be read stays as it was
 * @throws ApiError
 */
export async function listSlices(
  server: ApiServer,
  question: Omit<ApiQuestion, "verb">,
  known: ReadonlyMap<string, EndpointSlice>,
): Promise<SliceList> {
  const slices = new Map<string, EndpointSlice>();
  const unreadable = new Map<string, Unreadable>();
  let token = "";
  for (let page = 0; page * pageSlices <= maxSlices; page++) {
    const parameters: Record<string, string> = { ...question.parameters, limit: String(pageSlices) };
    if (token !== "") parameters["continue"] = token;
    const document = membersOf(await server.get({ ...question, verb: "list", parameters }));
    const version = versionOf(document);
    const { items = null } = document;
    if (document["kind"] !== "EndpointSliceList" || version === null || !(items === null || Array.isArray(items)))
      throw new ApiError("the answer is no list of EndpointSlices");
    for (const item of (items as unknown[]) ?? []) noteSlice(item, { slices, unreadable, known });
    const { continue: next } = membersOf(document["metadata"]);
    if (next === undefined || next === null || next === "") return { slices, unreadable, version };
    if (typeof next !== "string" || next === token) throw new ApiError("the pages of the list do not go on");
    token = next;
  }
  throw new ApiError(`the list has more than ${maxSlices} slices`);
}

/** What slices are gathered in. */
export interface SliceNotes {
  readonly slices: Map<string, EndpointSlice>;
  readonly unreadable: Map<string, Unreadable>;
  readonly known: ReadonlyMap<string, EndpointSlice>;
}

/**
 * Takes a slice as the server gives it. If `known` is `slices` itself, what is older than what is known is left.
 * @returns whether anything is new
 */
export function noteSlice(item: unknown, { slices, unreadable, known }: SliceNotes): boolean {
  const name = nameOf(item) ?? "";
  const before = known.get(name);
  const slice =
    slices.size >= maxSlices && !slices.has(name) ? `more than ${maxSlices} slices` : readEndpointSlice(item);
  if (typeof slice === "string") {
    if (before !== undefined) slices.set(name, before);
    if (unreadable.size < maxUnreadable) unreadable.set(name, { service: serviceOf(item), why: slice });
    return true;
  }
  if (slices === known && before?.uid === slice.uid && isLater(before.version, slice.version)) return false;
  unreadable.delete(name);
  slices.set(name, slice);
  return true;
}
