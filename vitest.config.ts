import { defineConfig } from "vitest/config";

interface Level {
  readonly name: "unit" | "contract" | "property" | "fault" | "e2e";
  readonly timeoutMs: number;
  /** Levels of one group run side by side; the groups run one after another. */
  readonly group: number;
  /** Agents wait for much: three at a time keep two processors busy. */
  readonly workers: number;
  /** Has tests of properties. */
  readonly drawsCases: boolean;
  /** A process for each file; otherwise the files of a worker share one, and load the program once. */
  readonly isolates: boolean;
}

const LEVELS: readonly Level[] = [
  { name: "unit", timeoutMs: 10_000, group: 0, workers: 2, drawsCases: true, isolates: false },
  { name: "contract", timeoutMs: 60_000, group: 0, workers: 2, drawsCases: false, isolates: true },
  { name: "property", timeoutMs: 60_000, group: 0, workers: 2, drawsCases: true, isolates: false },
  { name: "fault", timeoutMs: 180_000, group: 1, workers: 3, drawsCases: false, isolates: true },
  { name: "e2e", timeoutMs: 180_000, group: 1, workers: 3, drawsCases: false, isolates: true },
];

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 3,
    globalSetup: ["test/support/leak-check.ts", "test/support/identity-pool.ts"],
    projects: LEVELS.map((level) => ({
      test: {
        name: level.name,
        include: [`test/${level.name}/**/*.test.ts`],
        environment: "node",
        pool: "forks",
        isolate: level.isolates,
        maxWorkers: level.workers,
        sequence: { groupOrder: level.group },
        testTimeout: level.timeoutMs,
        hookTimeout: level.timeoutMs,
        teardownTimeout: 20_000,
        globalSetup: ["test/support/require-build.ts"],
        setupFiles: level.drawsCases ? ["test/support/property-seed.ts"] : [],
      },
    })),
  },
});
