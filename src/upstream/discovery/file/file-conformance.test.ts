import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DiscoveryDriver, testDiscovery } from "../testing/conformance.ts";
import { fileKind } from "./kind.ts";

testDiscovery("file", async (): Promise<DiscoveryDriver> => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-file-discovery-"));
  const path = join(folder, "endpoints.yaml");
  const records = new Map<number, number>();
  const others: string[] = [];
  let trouble: "away" | "nonsense" | null = null;
  const write = async (): Promise<void> => {
    if (trouble === "away") return rmSync(path, { force: true });
    const list = [...records].map(([port, weight]) => `- { url: "http://127.0.0.1:${port}", weight: ${weight} }\n`);
    writeFileSync(`${path}.new`, trouble === null ? [...list, ...others].join("") || "[]" : "{ nonsense-secret: [");
    renameSync(`${path}.new`, path);
  };
  const change = (make: () => void): Promise<void> => {
    make();
    return write();
  };
  return {
    create: (context) => fileKind.create(path, context),
    put: (port, weight) => change(() => void records.set(port, weight)),
    remove: (port) => change(() => void records.delete(port)),
    putNonsense: () => change(() => void others.push('- "http://user:nonsense-secret@a"\n')),
    goAway: () => change(() => void (trouble = "away")),
    comeBack: () => change(() => void (trouble = null)),
    talkNonsense: () => change(() => void (trouble = "nonsense")),
    fillUp: (count) =>
      change(() => {
        for (let at = 0; at < count; at++) records.set(10_000 + at, 1);
      }),
    close: async () => rmSync(folder, { recursive: true }),
  };
});
