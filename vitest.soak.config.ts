import { defineConfig } from "vitest/config";

// Hours, by hand: `SM_SOAK_SECONDS=14400 npm run test:soak`. A run prints its seed; SM_SOAK_SEED repeats it.
export default defineConfig({
  test: {
    name: "soak",
    include: ["test/soak/**/*.test.ts"],
    environment: "node",
    pool: "forks",
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 24 * 3_600_000,
    hookTimeout: 180_000,
    teardownTimeout: 20_000,
    globalSetup: ["test/support/leak-check.ts", "test/support/identity-pool.ts", "test/support/require-build.ts"],
  },
});
