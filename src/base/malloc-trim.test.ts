import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { findMallocTrim, MallocTrim } from "./malloc-trim.ts";

const mib = 2 ** 20;

test("memory is trimmed if there is more or less of it than after the last time", () => {
  let residentBytes = 100 * mib;
  let trims = 0;
  const trim = new MallocTrim(
    () => residentBytes,
    () => {
      trims++;
      residentBytes -= 10 * mib;
    },
  );
  const trimsAt = (mibNow: number): number => {
    residentBytes = mibNow * mib;
    trim.look();
    return trims;
  };
  assert.equal(trimsAt(100), 1);
  assert.equal(trimsAt(91), 1, "1 MiB more is not worth it");
  assert.equal(trimsAt(92), 2);
  assert.equal(trimsAt(81), 2);
  assert.equal(trimsAt(80), 3);
});

test("the C library is found without a warning, or is not there", () => {
  const program = `
    import { findMallocTrim } from ${JSON.stringify(new URL("./malloc-trim.ts", import.meta.url).href)};
    process.on("warning", (warning) => console.log("warned:", warning.message));
    const trim = findMallocTrim();
    trim?.();
    setImmediate(() => console.log(trim === null ? "none" : "trimmed"));
  `;
  const run = (...flags: string[]): string =>
    execFileSync(process.execPath, [...flags, "--input-type=module", "--eval", program], { encoding: "utf8" }).trim();
  assert.equal(run(), findMallocTrim() === null ? "none" : "trimmed");
  if (process.allowedNodeEnvironmentFlags.has("--experimental-ffi")) assert.equal(run("--no-experimental-ffi"), "none");
});
