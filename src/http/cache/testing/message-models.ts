/**
 * Messages as the oracle sees them: what they mean, apart from how it is written. `write…` writes them as an endpoint or
 * a client might, with all the freedom of spelling that the grammars give; only the rules that are tested read that.
 */

/** A directive. A malformed argument is one that the grammar of its directive does not know. */
export interface DirectiveModel {
  readonly name: string;
  readonly argument: number | "malformed" | readonly string[] | null;
  /** Varies how it is written; no meaning depends on it. */
  readonly spelling: number;
}

/** An endpoint's answer. Times in whole seconds since the epoch. */
export interface AnswerModel {
  readonly status: number;
  readonly date: number | "malformed" | null;
  readonly age: number | "malformed" | null;
  readonly expires: number | "malformed" | null;
  readonly lastModified: number | null;
  readonly tag: string | null;
  readonly cacheControl: readonly DirectiveModel[];
  readonly targeted: readonly DirectiveModel[] | "malformed" | null;
  readonly vary: readonly string[] | "*" | null;
  readonly setsCookie: boolean;
  /** The field X, which directives may name. */
  readonly x: string | null;
}

/** A request. */
export interface RequestModel {
  readonly method: string;
  readonly hasBody: boolean;
  readonly hasCredentials: boolean;
  /** The fields A and B, which Vary may name. */
  readonly a: string | null;
  readonly b: string | null;
  readonly cacheControl: readonly DirectiveModel[];
  readonly hasPragma: boolean;
}

const date = (seconds: number | "malformed"): string =>
  seconds === "malformed" ? "0" : new Date(seconds * 1000).toUTCString();

function writeName(name: string, spelling: number): string {
  return spelling % 3 === 1
    ? name.toUpperCase()
    : spelling % 3 === 2
      ? name.replace(/^./, (c) => c.toUpperCase())
      : name;
}

function writeDirective({ name, argument, spelling }: DirectiveModel): string {
  const text = writeName(name, spelling);
  if (argument === null) return text;
  if (argument === "malformed") return `${text}${["=x", "=-1", "=1.5", "='9'", "=", " =9"][spelling % 6]}`;
  if (typeof argument !== "number") return `${text}="${argument.join([",", ", ", " , "][spelling % 3])}"`;
  return `${text}=${[String(argument), `"${argument}"`, `00${argument}`][spelling % 3]}`;
}

/** In one or several lines, with empty members and other directives between. */
function writeDirectives(field: string, directives: readonly DirectiveModel[]): readonly string[] {
  const lines: string[] = [];
  for (const directive of directives) {
    const written = writeDirective(directive);
    const isAppended = lines.length > 0 && directive.spelling % 2 === 0;
    if (isAppended)
      lines[lines.length - 1] +=
        `${[",", ", ", " ,, ", ',x="no-store, max-age=9",'][directive.spelling % 4]}${written}`;
    else lines.push(`${field}: ${written}`);
  }
  return lines;
}

/** The lines of an answer, or of a 304: what is null is left out. */
export function writeAnswer(model: AnswerModel): readonly string[] {
  const lines = [...writeDirectives("Cache-Control", model.cacheControl)];
  if (model.targeted === "malformed") lines.push("CDN-Cache-Control: max-age=100, &&");
  // Structured fields leave no freedom.
  else if (model.targeted !== null)
    lines.push(
      `CDN-Cache-Control: ${model.targeted
        .map(({ name, argument }) =>
          argument === null ? name : `${name}=${argument === "malformed" ? '"9"' : argument}`,
        )
        .join(", ")}`,
    );
  if (model.date !== null) lines.push(`Date: ${date(model.date)}`);
  if (model.age !== null) lines.push(`Age: ${model.age === "malformed" ? "1.5" : model.age}`);
  if (model.expires !== null) lines.push(`Expires: ${date(model.expires)}`);
  if (model.lastModified !== null) lines.push(`Last-Modified: ${date(model.lastModified)}`);
  if (model.tag !== null) lines.push(`ETag: ${model.tag}`);
  if (model.vary !== null) lines.push(`Vary: ${model.vary === "*" ? "a, *" : model.vary.join(" ,")}`);
  if (model.setsCookie) lines.push("Set-Cookie: s=1");
  if (model.x !== null) lines.push(`X: ${model.x}`);
  return lines;
}

/** The lines of a request. */
export function writeRequest(model: RequestModel): readonly string[] {
  const lines = [...writeDirectives("Cache-Control", model.cacheControl)];
  if (model.hasPragma) lines.push("Pragma: no-cache");
  if (model.hasCredentials) lines.push("Authorization: Basic YTpi");
  if (model.a !== null) lines.push(`A: ${model.a}`);
  if (model.b !== null) lines.push(`B: ${model.b}`);
  return lines;
}
