// How the tests are run.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: "sqlite", include: ["test/**/*.test.ts"], exclude: ["test/storage/postgres/**"] } },
      {
        extends: true,
        test: {
          name: "postgres",
          include: ["test/storage/postgres/**/*.test.ts", "test/behaviour/**/*.test.ts"],
          exclude: [
            // About an SQLite file: its disk, its lock, its writer thread, and what a killed process leaves in it. What breaks PostgreSQL has tests of its
            // own in test/storage/postgres/faults.test.ts, lost-commits.test.ts and replica-processes.test.ts, and `npm run chaos` kills its processes.
            ...["kill", "faults/dead-writer", "faults/full-disk", "faults/locked-database"].map((name) => `test/behaviour/${name}.test.ts`),
            // About listeners and the gateway, which ask nothing of the store; split.test.ts starts services over SQLite files of its own.
            ...["hardening", "tls", "split"].map((name) => `test/behaviour/${name}.test.ts`),
          ],
          env: { GATEHOUSE_TEST_STORE: "postgres" },
          globalSetup: "test/postgres-setup.ts",
        },
      },
    ],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    reporters: process.env.CI ? ["default", ["json", { outputFile: ".cache/test-report.json" }]] : ["default"],
  },
});
