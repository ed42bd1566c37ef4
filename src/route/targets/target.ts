/**
 * Who answers for a route, in one object: the key in the route, its options, and what makes the last handler of the
 * route. `targets.ts` lists them all.
 *
 * As with middleware kinds, targets are loaded in every thread and the schema library in the control thread alone.
 */
import type { OptionDoc } from "../../base/option-schema.ts";
import type { OptionsOf, SchemaBuilder } from "../../base/schema-builder.ts";
import type { RouteHandler } from "../../middleware/middleware.ts";
import type { Reference } from "../../middleware/reference.ts";

/** What a target is given when a route is compiled for a proxy thread. */
export interface TargetContext {
  /**
   * Makes the handler that sends exchanges to endpoints of an upstream, within the route's timeouts.
   * @throws Error if there is no such upstream
   */
  forwardTo(upstreamName: string): RouteHandler;
}

/** One kind of target. `options` are in normal form, `written` is what stands in the configuration: anything. */
export interface RouteTarget<Key extends string = string, Builder extends SchemaBuilder = SchemaBuilder> {
  /** The key in the route. A route has exactly one of all targets. */
  readonly key: Key;
  /** What the reference says of it. */
  readonly doc: OptionDoc;
  /** Makes the schema of its options. Called in the control thread alone. */
  readonly createSchema: Builder;
  /** Do requests go on to an endpoint? If not, what acts on that alone is a mistake on the route. */
  readonly sendsUpstream: boolean;
  /** Makes the route's last handler, once for each proxy thread and configuration. */
  create(options: OptionsOf<Builder>, context: TargetContext): RouteHandler;
  /** Says in a word or two what it is, for status pages: `upstream app`, `redirect 308`. */
  describe(options: OptionsOf<Builder>): string;
  /** The names of other things of the configuration that stand in `written`. */
  findReferences?(written: unknown): readonly Reference[];
}
