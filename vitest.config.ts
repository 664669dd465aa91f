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
            // About an SQLite file: its disk, its locks and its writer thread.
            ...["degraded", "kill", "call-admission"].map((name) => `test/behaviour/${name}.test.ts`),
            "test/behaviour/faults/**",
            // About listeners, which ask nothing of the store; split.test.ts starts processes over SQLite files of their own.
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
