/** The options of the logs. Schema and documentation; the normal form is what `logSchema` gives. */
import * as z from "zod";
import { addProblem, documented, duration, maybe, section, sectionCheck, switchable } from "../base/option-schema.ts";
import { parseTemplate } from "./access-log-format.ts";

const accessSectionSchema = section({
  format: documented(z.enum(["json", "common", "combined", "template"]).prefault("json"), {
    about:
      "One line for each request: `json`, the `common` or `combined` format of web servers, or a `template` of one's own.",
  }),
  path: documented(z.string().min(1).prefault("-"), {
    about:
      "The file, appended to. `-` is standard output; `/dev/stdout`, `/dev/stderr` and `/dev/fd/N` are the descriptors that the process inherited. A named pipe may be without a reader: nothing waits for it, lines are lost and counted.",
  }),
  template: documented(
    maybe(
      z
        .string()
        .min(1)
        .superRefine((template, context) => {
          try {
            parseTemplate(template);
          } catch (error) {
            if (!(error instanceof RangeError)) throw error;
            addProblem(context, error.message);
          }
        }),
    ),
    {
      about: "The line, with fields in braces: `{method} {target} {status}`. The fields are those of the JSON format.",
      defaultText: "none; needed with `format: template`",
    },
  ),
  queryAllow: documented(maybe(z.array(z.string().min(1))), {
    kind: "list of parameters",
    about:
      "The only query parameters whose values are logged, in targets and referers; `[]` logs none. Without it, all are but those whose names look like a secret's.",
    defaultText: "all but secrets",
  }),
}).check(
  sectionCheck((access: Record<string, unknown>, context) => {
    const hasTemplate = typeof access["template"] === "string";
    if (access["format"] === "template" && access["template"] === null)
      addProblem(context, 'the format "template" needs a "template"', {}, ["format"]);
    if (access["format"] !== "template" && hasTemplate)
      addProblem(context, 'a "template" needs "format: template"', { atKey: true }, ["template"]);
  }),
);

/** The logs. In normal form `access` is null if there is no access log. */
export const logSchema = section({
  level: documented(z.enum(["debug", "info", "warn", "error"]).prefault("info"), {
    about: "The least important messages that are shown on standard error.",
  }),
  access: documented(switchable(accessSectionSchema), {
    defaultText: "off",
    about:
      "The access log: one line for each request. `true` or `{}` writes JSON lines to standard output; off by default.",
  }),
  stats: duration("5s", {
    about:
      "How often a line with requests, errors, rate, average and 99th percentile latency is written to standard error, as JSON if the log is JSON. An interval without traffic has none.",
    zero: "never",
  }),
});

/** The access log in normal form. `template` is not null exactly with the format `template`. */
export type AccessLogOptions = z.output<typeof accessSectionSchema>;
