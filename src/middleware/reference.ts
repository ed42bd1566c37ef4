/** Names in one part of a configuration that must be known in another. */

/** A name that stands in the options of a middleware or a route target. */
export interface Reference {
  /** The section of the configuration that must have the name. */
  readonly section: "upstreams" | "stores";
  readonly name: string;
  /** Names that are known without being in the section. */
  readonly alwaysKnown: readonly string[];
  /**
   * Why an entry of the section, as it is written, cannot be used here: a sentence; null if it can. Absent: any can.
   */
  readonly refuse?: (entry: unknown) => string | null;
  /** Where it stands, from the options down; empty = it is all there is. */
  readonly path: readonly (string | number)[];
}
