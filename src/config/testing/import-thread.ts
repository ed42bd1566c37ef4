/** A thread that reads a program as the configuration's thread does, with a schema of its own that takes functions. */
import { parentPort, workerData } from "node:worker_threads";
import * as z from "zod";
import { documented, functionOption, section } from "../../base/option-schema.ts";
import { explainIssues } from "../explain-issue.ts";
import { importConfigModule } from "../import-module.ts";

/** A configuration in which some options take functions. */
export const schemaWithFunctions = section({
  routes: z.array(
    section({
      when: documented(functionOption<(path: string) => boolean>("(path: string) => boolean"), { about: "When." }),
      key: documented(z.union([z.string(), functionOption<() => string>("() => string")]).optional(), {
        about: "Which.",
      }),
    }),
  ),
});

if (parentPort !== null) {
  const imports: string[] = [];
  const { value, module, failure } = await importConfigModule(String(workerData), (file) => imports.push(file));
  const result = schemaWithFunctions.safeParse(value);
  const findings = result.success ? [] : explainIssues(result.error.issues, value);
  parentPort.postMessage({ module, failure, imports, normal: result.data ?? null, findings });
}
