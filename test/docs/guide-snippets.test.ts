import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";
import { parseConfigText } from "../../src/config/parse-config-text.ts";
import { ConfigError } from "../../src/config/problem.ts";

const root = new URL("../../", import.meta.url);

/** The YAML blocks of a page. */
function snippetsOf(page: string): string[] {
  return [...page.matchAll(/^```yaml\n([^]*?)^```/gm)].map((match) => match[1] ?? "");
}

/** What is wrong with a snippet; it may be a part of a configuration, so that parts may be missing. */
function problemsOf(snippet: string, file: string): string[] {
  try {
    parseConfigText(snippet, {
      file,
      environment: {
        ADMIN_TOKEN: "0123456789abcdef",
        CONSUL_TOKEN: "0123456789abcdef",
        REGISTRY_TOKEN: "0123456789abcdef",
        STICKY_SECRET: "0123456789abcdef",
        ZONE: "eu-1a",
      },
    });
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems
      .filter((problem) => !/^"\w+" is missing$|^there is no upstream /.test(problem.message))
      .map((problem) => `${file}: ${problem.message} in ${problem.excerpt?.lines.join(" / ")}`);
  }
}

test("every piece of YAML in the guides and the README is a valid configuration, or a part of one", async () => {
  const guides = (await readdir(new URL("docs/guides/", root)))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/guides/${name}`);
  const problems: string[] = [];
  let count = 0;
  for (const file of ["README.md", ...guides]) {
    for (const snippet of snippetsOf(await readFile(new URL(file, root), "utf8"))) {
      count++;
      problems.push(...problemsOf(snippet, file));
    }
  }
  assert.ok(count > 5, `only ${count} snippets found`);
  assert.deepEqual(problems, []);
});
