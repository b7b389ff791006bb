import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ALL_FIELDS } from "../../src/config/config-fields.js";
import { readEnvironment, variableOf } from "../../src/config/environment.js";
import type { FieldError } from "../../src/config/field-error.js";
import { checkConfig, readConfig } from "../../src/config/load-config.js";

function home(yaml: string): string {
  const directory = mkdtempSync(join(tmpdir(), "sm-environment-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, "etc"));
  writeFileSync(join(directory, "etc/sm.yaml"), yaml);
  return directory;
}

const errorsOf = (env: Readonly<Record<string, string>>, yaml = ""): readonly FieldError[] => {
  const checked = checkConfig({ env: { SM_HOME: home(yaml), ...env }, hostname: "host1" });
  return "errors" in checked ? checked.errors : [];
};

test("each field has a variable of its own", () => {
  const variables = ALL_FIELDS.map(({ section, name }) => variableOf(section, name));
  expect(new Set(variables).size).toBe(ALL_FIELDS.length);
  expect(variableOf("queue", "memoryMiB")).toBe("SM_QUEUE_MEMORY_MIB");
  expect(variableOf("apply", "retryInitialMs")).toBe("SM_APPLY_RETRY_INITIAL_MS");
  for (const variable of variables) expect(variable).toMatch(/^SM_[A-Z]+(_[A-Z]+)+$/);
});

test("variables win over the file, and say where a value comes from", () => {
  const env = {
    SM_HOME: home("queue: {memoryMiB: 64, diskMiB: 100}\n"),
    SM_QUEUE_MEMORY_MIB: "32",
    SM_QUEUE_DISK_MIB: "null",
    SM_APPLY_REFUSALS: "[EPERM, EIO]",
    SM_SERVER_NAME: "1234",
    SM_TRANSPORT_SOCKETS: "4",
    SM_SOURCE_ENABLED: "false",
    SM_LOG_LEVEL: "",
  };
  const { config, origins } = readConfig({ env });
  expect(config.queue).toMatchObject({ memoryMiB: 32, diskMiB: null });
  expect(config.apply.refusals).toEqual(["EPERM", "EIO"]);
  expect([config.server.name, config.transport.sockets, config.source.enabled, config.log.level]).toEqual(["1234", 4, false, "info"]);
  expect(origins.get("queue.memoryMiB")).toEqual({ from: "environment", place: "SM_QUEUE_MEMORY_MIB" });
  expect(origins.has("log.level")).toBe(false);
});

test("errors name the variable, also of relations, beside those of the file", () => {
  const errors = errorsOf({ SM_QUEUE_MEMORY_MIB: "lots", SM_LOG_LEVL: "info" }, "log: {level: loud}\n");
  expect(errors.map(({ file, path }) => [file.split("/").at(-1), path])).toEqual([
    ["sm.yaml", "log.level"],
    ["environment variable SM_QUEUE_MEMORY_MIB", "queue.memoryMiB"],
    ["environment variable SM_LOG_LEVL", ""],
  ]);
  expect(errors[2]?.expected).toContain("SM_LOG_LEVEL");
  expect(errorsOf({ SM_TRANSPORT_DEAD_MS: "3000" })[0]).toMatchObject({ file: "environment variable SM_TRANSPORT_DEAD_MS", path: "transport.deadMs" });
});

test("what looks like a field is an error, other variables are left alone", () => {
  // As a program of a task has them, which may run `sm`.
  expect(errorsOf({ SM_SOURCE_PATHS: "/a", SM_TARGET_PATHS: "/b", SM_TASK_NAME: "a", SM_ROLE: "source", SM_SET: "s", SM_PEER: "p" })).toEqual([]);
  const names = (env: Readonly<Record<string, string>>): readonly string[] => readEnvironment(env).errors.map(({ file }) => file);
  expect(names({ SM_QUEUE_SIZE: "1" })).toHaveLength(1);
  expect(names({ SM_QUEU_MEMORY_MIB: "1" })).toHaveLength(1);
  const others = { SM_HOME: "/x", SM_FAILPOINT: "a", SM_TEST_SEED: "1", SM_SOAK_FILES: "9", SM_PROGRAM: "sm", SMTP_HOST: "m", SM_UNRELATED_THING: "1" };
  expect(names(others)).toEqual([]);
});
