/** The thread that reads YAML which is not plain; `read-yaml.ts` starts it. It takes the library with it when it ends. */
import { parentPort, workerData } from "node:worker_threads";
import { LineCounter } from "yaml";
import { readYaml, type TextFinding, toPlainValue } from "./yaml-document.ts";

/** What comes of it: the value, or a sentence about the text. */
export type YamlAnswer = { readonly problem: string } | { readonly problem: null; readonly value: unknown };

const maxSentence = 200;

function answer(text: string): YamlAnswer {
  const lines = new LineCounter();
  const read = readYaml(text, lines);
  const findings: TextFinding[] = [...read.findings];
  const { errors } = read.document;
  const value = errors.length > 0 || findings.length > 0 ? undefined : toPlainValue(read, findings);
  const [first] = [...errors.map(({ message, pos: [start] }) => ({ message, start })), ...findings];
  if (first === undefined) return { problem: null, value };
  const { line } = lines.linePos(first.start);
  return { problem: `line ${line}: ${first.message.slice(0, maxSentence)}` };
}

parentPort?.postMessage(answer(workerData as string));
