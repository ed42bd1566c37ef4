/** Reads a V8 CPU profile. */

/** The parts of the `.cpuprofile` format that are used here. Times are microseconds of the monotonic clock. */
export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  startTime: number;
  samples: number[];
  timeDeltas: number[];
}

export interface FunctionTime {
  name: string;
  /** File and line, shortened; empty for what belongs to the engine. */
  place: string;
  selfUs: number;
}

/** Self time by function between two moments, longest first; idle time is left out. */
export function selfTimes(profile: CpuProfile, fromUs: number, toUs: number): FunctionTime[] {
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const byFunction = new Map<string, FunctionTime>();
  let now = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    now += profile.timeDeltas[index] ?? 0;
    const frame = frames.get(id);
    if (frame === undefined || now < fromUs || now > toUs || frame.functionName === "(idle)") continue;
    // A sample stands for the time until the next one.
    const lasted = Math.max(0, profile.timeDeltas[index + 1] ?? 0);
    const place = frame.url === "" ? "" : `${shorten(frame.url)}:${frame.lineNumber + 1}`;
    const key = `${frame.functionName} ${place}`;
    const entry = byFunction.get(key) ?? {
      name: frame.functionName === "" ? "(anonymous)" : frame.functionName,
      place,
      selfUs: 0,
    };
    entry.selfUs += lasted;
    byFunction.set(key, entry);
  }
  return [...byFunction.values()].sort((a, b) => b.selfUs - a.selfUs);
}

function shorten(url: string): string {
  return url.replace(/^.*\/(src|dist|node_modules)\//, "$1/");
}
