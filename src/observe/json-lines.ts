/**
 * Writes the JSON lines of the access log as bytes, without making objects. Most of a line is as it was in the line
 * before (`json-pieces.ts`). Fields and their order are those of `accessLogFields`; what is not expected in a line, such
 * as characters that have to be escaped, is left to `formatJsonLine`, which makes the same line from that table.
 */
import type { Exchange } from "../http/exchange.ts";
import { reasons } from "../http/reason.ts";
import { hasHead, startOf } from "./access-log-fields.ts";
import { formatJsonLine } from "./access-log-json.ts";
import { writeDurations } from "./json-durations.ts";
import { BeginningPiece, ClientPiece, EndPiece, NamesPiece, OutcomePiece, RequestPiece } from "./json-pieces.ts";
import type { LineBlock } from "./line-block.ts";
import { maxLoggedLength } from "./log-escape.ts";
import { LoggedFields } from "./logged-fields.ts";
import type { QueryRedactor } from "./query-redactor.ts";

const responseBytesKey = Buffer.from(',"responseBytes":');
/** Names are of any length; in a line that has more of them it does not matter how it is written. */
const maxNamesBytes = 4096;

/** Writes JSON lines, of one log in one thread. */
export class JsonLines {
  readonly #redactor: QueryRedactor;
  readonly #beginnings = {
    debug: new BeginningPiece("debug"),
    info: new BeginningPiece("info"),
    warn: new BeginningPiece("warn"),
    error: new BeginningPiece("error"),
  };
  readonly #names = new NamesPiece();
  readonly #client = new ClientPiece();
  readonly #request = new RequestPiece();
  readonly #outcome = new OutcomePiece();
  readonly #fields = new LoggedFields();
  readonly #end = new EndPiece();

  constructor(redactor: QueryRedactor) {
    this.#redactor = redactor;
  }

  /** Appends the line for `exchange`, with its line feed; ASCII only. */
  write(exchange: Exchange, block: LineBlock): void {
    const start = block.end;
    if (this.#writePieces(exchange, block)) return;
    block.end = start;
    block.ascii(formatJsonLine(exchange, this.#redactor));
  }

  /** @returns false if the line cannot be written like this; then only a part was appended */
  #writePieces(exchange: Exchange, block: LineBlock): boolean {
    const { request, record, requestId } = exchange;
    if (!hasHead(exchange) || requestId === "" || requestId.length > maxLoggedLength.requestId) return false;
    const target = this.#redactor.redact(request.target);
    const names = this.#names.of(exchange);
    if (target.length > maxLoggedLength.target || names.length > maxNamesBytes) return false;
    if (!this.#fields.read(request)) return false;

    const level = record.reason === null ? "info" : reasons[record.reason].level;
    block.bytes(this.#beginnings[level].at(startOf(exchange)));
    if (!block.plain(requestId)) return false;
    block.bytes(names);
    block.bytes(this.#client.of(exchange));
    if (exchange.peerAddress !== "") block.integer(exchange.peerPort);
    block.bytes(this.#request.of(exchange));
    if (!block.plain(target)) return false;
    block.bytes(this.#outcome.of(exchange));
    if (record.requestBodyBytes > 0) {
      block.integer(record.requestBodyBytes);
      block.bytes(responseBytesKey);
    }
    block.integer(record.responseBodyBytes);
    writeDurations(record, block);
    block.bytes(this.#end.of(this.#fields.userAgent, this.#fields.referer, this.#redactor));
    return true;
  }
}
