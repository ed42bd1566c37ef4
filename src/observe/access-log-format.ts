/**
 * Compiles a format of the access log into a function that writes the line of an exchange. Done once, when the
 * configuration is built.
 */
import type { Exchange } from "../http/exchange.ts";
import {
  type AccessLogField,
  accessLogFields,
  credentialFields,
  hasHead,
  headerField,
  protocolOf,
  startOf,
} from "./access-log-fields.ts";
import { JsonLines } from "./json-lines.ts";
import type { LineBlock } from "./line-block.ts";
import { escapePlainText, maxLoggedLength, truncate } from "./log-escape.ts";
import { formatCommonTime } from "./log-time.ts";
import type { QueryRedactor } from "./query-redactor.ts";

/** The forms that a line of the access log can have. */
export type AccessLogFormatName = "json" | "common" | "combined" | "template";

/** Appends the line of an exchange that ended to the block, line feed included; ASCII only. */
export type AccessLogFormat = (exchange: Exchange, block: LineBlock) => void;

/**
 * The function for a format.
 * @param template for `template`: text with `{field}` and `{header:name}` placeholders; `{{` and `}}` stand for braces.
 * Absent values read `-`.
 * @throws RangeError with a sentence for people if the template is not usable.
 */
export function compileAccessLogFormat(
  format: AccessLogFormatName,
  template: string | null,
  redactor: QueryRedactor,
): AccessLogFormat {
  switch (format) {
    case "json": {
      const lines = new JsonLines(redactor);
      return (exchange, block) => lines.write(exchange, block);
    }
    case "common":
      return (exchange, block) => block.ascii(`${formatCommonLine(exchange, redactor)}\n`);
    case "combined": {
      const referer = fieldNamed("referer");
      const userAgent = fieldNamed("userAgent");
      return (exchange, block) =>
        block.ascii(
          `${formatCommonLine(exchange, redactor)} "${plain(referer, exchange, redactor)}" "${plain(userAgent, exchange, redactor)}"\n`,
        );
    }
    case "template": {
      const parts = parseTemplate(template ?? "");
      return (exchange, block) => {
        let line = "";
        for (const part of parts) line += typeof part === "string" ? part : plain(part, exchange, redactor);
        block.ascii(`${line}\n`);
      };
    }
  }
}

/** The literal pieces and fields of a template. @throws RangeError as `compileAccessLogFormat`. */
export function parseTemplate(template: string): (string | AccessLogField)[] {
  if (template === "") throw new RangeError("a template is needed");
  if (/[\r\n]/.test(template)) throw new RangeError("a template must be one line");
  const parts: (string | AccessLogField)[] = [];
  for (const [piece] of template.matchAll(/\{\{|\}\}|\{[^{}]*\}|[^{}]+|[{}]/g)) {
    if (piece === "{{" || piece === "}}") parts.push(piece.charAt(0));
    else if (piece === "{" || piece === "}")
      throw new RangeError(`an unpaired "${piece}"; write "${piece}${piece}" for the character itself`);
    else if (piece.startsWith("{")) parts.push(placeholder(piece.slice(1, -1)));
    else parts.push(piece);
  }
  return parts;
}

function placeholder(name: string): AccessLogField {
  if (name.startsWith("header:")) {
    const header = name.slice("header:".length).toLowerCase();
    if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(header)) throw new RangeError(`"${header}" is not a field name`);
    if (credentialFields.has(header))
      throw new RangeError(`the field "${header}" holds credentials and is never logged`);
    return headerField(header);
  }
  return fieldNamed(name);
}

function fieldNamed(name: string): AccessLogField {
  const field = accessLogFields.find((one) => one.name === name);
  if (field === undefined)
    throw new RangeError(
      `unknown field "${name}"; known are ${accessLogFields.map((one) => one.name).join(", ")} and header:NAME`,
    );
  return field;
}

function plain(field: AccessLogField, exchange: Exchange, redactor: QueryRedactor): string {
  const text = field.read(exchange, redactor);
  return text === null ? "-" : escapePlainText(text);
}

/** `client - - [time] "request line" status bytes`: the Common Log Format. */
function formatCommonLine(exchange: Exchange, redactor: QueryRedactor): string {
  const { request } = exchange;
  const requestLine = hasHead(exchange)
    ? `${escapePlainText(truncate(request.method, maxLoggedLength.method))} ${escapePlainText(truncate(redactor.redact(request.target), maxLoggedLength.target))} ${protocolOf(exchange)}`
    : "-";
  return `${escapePlainText(exchange.clientIp) || "-"} - - [${formatCommonTime(startOf(exchange))}] "${requestLine}" ${exchange.record.status} ${exchange.record.responseBodyBytes === 0 ? "-" : exchange.record.responseBodyBytes}`;
}
