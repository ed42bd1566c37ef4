import assert from "node:assert/strict";
import { test } from "node:test";
import { readCpuQuota } from "./cpu-quota.ts";

const none = Number.POSITIVE_INFINITY;
const v2 = (path: string, files: Record<string, string>): Record<string, string> => ({
  "/proc/self/cgroup": `0::${path}\n`,
  ...files,
});

const cases: [title: string, files: Record<string, string>, quota: number][] = [
  ["no control groups", {}, none],
  ["v2, no quota", v2("/", { "/sys/fs/cgroup/cpu.max": "max 100000\n" }), none],
  ["v2, of the container", v2("/", { "/sys/fs/cgroup/cpu.max": "150000 100000\n" }), 1.5],
  [
    "v2, of the parent",
    v2("/a/b", { "/sys/fs/cgroup/a/b/cpu.max": "max 100000", "/sys/fs/cgroup/a/cpu.max": "200000 100000" }),
    2,
  ],
  [
    "v2, the smallest",
    v2("/a/b", {
      "/sys/fs/cgroup/a/b/cpu.max": "400000 100000",
      "/sys/fs/cgroup/a/cpu.max": "50000 100000",
      "/sys/fs/cgroup/cpu.max": "800000 100000",
    }),
    0.5,
  ],
  ["v2, a group that is not seen", v2("/kubepods/pod1/c1", { "/sys/fs/cgroup/cpu.max": "300000 100000" }), 3],
  ["v2, a group above what is mounted", v2("/../../x", { "/sys/fs/cgroup/x/cpu.max": "300000 100000" }), 3],
  ["v2, another period", v2("/", { "/sys/fs/cgroup/cpu.max": "20000 10000" }), 2],
  ["v2, nonsense", v2("/", { "/sys/fs/cgroup/cpu.max": "x y" }), none],
  [
    "v1",
    {
      "/proc/self/cgroup": "4:memory:/m\n3:cpu,cpuacct:/a\n",
      "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "250000\n",
      "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
    },
    2.5,
  ],
  [
    "v1, mounted under both names, in a container",
    {
      "/proc/self/cgroup": "3:cpu,cpuacct:/docker/x\n",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "100000",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
    },
    1,
  ],
  [
    "v1, no quota",
    {
      "/proc/self/cgroup": "3:cpu:/\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    },
    none,
  ],
];

for (const [title, files, quota] of cases)
  test(`a quota of processors: ${title}`, () =>
    assert.equal(
      readCpuQuota((path) => files[path] ?? null),
      quota,
    ));
