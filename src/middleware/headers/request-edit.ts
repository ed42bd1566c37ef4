/** The request side of `headers`: the fields of a request, and what follows from them. */
import { hasConnectionLogin } from "../../http/connection-login.ts";
import { Fields } from "../../http/fields.ts";
import type { OutgoingRequest } from "../../http/outgoing-request.ts";
import type { Middleware } from "../middleware.ts";
import { compileHeaderEdit, compileRemoval, type HeaderEditSpec, linesOf } from "./header-edit.ts";
import { BodyWithoutTrailers } from "./trailer-removal.ts";

/**
 * Changes the fields of requests that pass; what goes from the header goes from the trailers, too.
 * @throws as `compileHeaderEdit`
 */
export function editRequests(spec: HeaderEditSpec): Middleware {
  const edit = compileRequestEdit(spec);
  const isRemoved = compileRemoval(spec, "request");
  return (next) => {
    if (edit === null) return next;
    return (exchange) => {
      exchange.outgoing = edit(exchange.outgoing);
      if (isRemoved !== null && exchange.body.length !== 0)
        exchange.body = new BodyWithoutTrailers(exchange.body, isRemoved);
      next(exchange);
    };
  };
}

/**
 * Null if `spec` changes nothing. Beside the fields it sees to what follows from them: Via and X-Forwarded-Prefix, which
 * are written later, and a login that holds for the connection. @throws as `compileHeaderEdit`
 */
function compileRequestEdit(spec: HeaderEditSpec): ((request: OutgoingRequest) => OutgoingRequest) | null {
  const edit = compileHeaderEdit(spec, "request");
  if (edit === null) return null;
  const isRemoved = compileRemoval(spec, "request");
  const hidesVia = isRemoved?.("via") === true;
  const dropsPrefix = isRemoved?.("x-forwarded-prefix") === true;
  const bindsConnection = hasConnectionLogin(linesOf(spec));
  return (request) => {
    let edited = request.withFields(Fields.ofText(edit(request.fields.text)));
    if (hidesVia) edited = edited.withoutVia();
    if (dropsPrefix && edited.strippedPrefix !== "") edited = edited.withTarget(edited.target, "");
    if (bindsConnection) edited = edited.withConnectionLogin();
    return edited;
  };
}
