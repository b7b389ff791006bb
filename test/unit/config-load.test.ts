import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { SmError } from "../../src/base/errors.js";
import { parseEndpoint } from "../../src/config/config.js";
import { FIELDS } from "../../src/config/config-fields.js";
import type { FieldError } from "../../src/config/field-error.js";
import { type LoadConfigOptions, loadConfig, resolveDirectories } from "../../src/config/load-config.js";

function home(yaml?: string): string {
  const directory = mkdtempSync(join(tmpdir(), "sm-config-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, "etc"));
  if (yaml !== undefined) writeFileSync(join(directory, "etc/sm.yaml"), yaml);
  return directory;
}

const load = (yaml?: string, options: LoadConfigOptions = {}) => loadConfig({ env: { SM_HOME: home(yaml) }, hostname: "host1", ...options });

function errorsOf(yaml: string): readonly FieldError[] {
  try {
    load(yaml);
  } catch (error) {
    if (error instanceof SmError && error.code === "CONFIG_INVALID") return error.data.errors as readonly FieldError[];
    throw error;
  }
  throw new Error("the configuration was taken");
}

test("without a file every field has its default", () => {
  const config = load();
  expect(config.server).toEqual({ name: "host1", listen: "127.0.0.1:1500", addresses: [] });
  expect(config.queue).toEqual({
    directory: `${config.stateDir}/queue`,
    memoryMiB: 128,
    diskMiB: null,
    minFreeMiB: 50,
    alertPercent: 50,
    onFull: "pull-ahead",
  });
  expect(config.transport).toEqual({ compressMinBytes: 1024, windowMiB: 16, sockets: "automatic", heartbeatMs: 2000, deadMs: 10_000, connectTimeoutMs: 5000 });
  const retries = { refusals: ["EPERM", "EACCES", "EBUSY"], retryLimitSeconds: 60, quarantineRetrySeconds: 300 };
  expect(config.apply).toEqual({ durability: "fsync", retryInitialMs: 200, retryMaxMs: 10_000, ...retries });
  expect(config.capture).toEqual({ source: "auto", watchesMax: null, walkSeconds: 60, auditSeconds: 3600, signatureMiB: 64 });
  expect(config.orphans).toEqual({ confirmFiles: 1000, log: "names" });
  expect(config.guard).toEqual({ lostPercent: null, lostFiles: null, changedPercent: null, lostFilesMin: 100, windowSeconds: 600 });
  expect(config.api).toEqual({ remote: true });
  expect(config.watchdog).toEqual({ stallSeconds: 60 });
  const dtlog = { dtlogMaxFileBytes: 1_048_576, dtlogMaxFiles: 5, maxPathChars: 32_760 };
  expect(config.log).toEqual({ level: "info", format: "text", maxFileMiB: 5, maxFiles: 5, ...dtlog, system: "auto", systemSocket: "/dev/log" });
  expect(config.target).toEqual({ enabled: true, allowedRoots: [], tasks: false, taskDirectory: null, stageMiB: 256 });
});

test("the value is frozen all the way down", () => {
  const config = load("target: {allowedRoots: [/srv]}");
  expect(Object.isFrozen(config) && Object.isFrozen(config.target) && Object.isFrozen(config.target.allowedRoots)).toBe(true);
});

test("the shipped sm.yaml says exactly the defaults, and shows every field", () => {
  const text = readFileSync(new URL("../../config/sm.yaml", import.meta.url), "utf8");
  const directory = home(text);
  const options = { env: { SM_HOME: directory }, hostname: "host1" };
  const shipped = loadConfig(options);
  rmSync(join(directory, "etc/sm.yaml"));
  expect(shipped).toEqual(loadConfig(options));
  for (const fields of Object.values(FIELDS)) for (const name of Object.keys(fields)) expect(text).toMatch(new RegExp(`^  (# )?${name}:`, "m"));
});

test("flags win over SM_HOME, which wins over the places of the system", () => {
  expect(resolveDirectories({ env: {} })).toEqual({ configDir: "/etc/sm", stateDir: "/var/lib/sm", runtimeDir: "/run/sm", logDir: "/var/log/sm" });
  expect(resolveDirectories({ env: { SM_HOME: "h" }, cwd: "/w", flags: { logDir: "l" } })).toEqual({
    configDir: "/w/h/etc",
    stateDir: "/w/h/state",
    runtimeDir: "/w/h/run",
    logDir: "/w/l",
  });
});

test("all field errors come at once, each with place, expectation and value", () => {
  const errors = errorsOf("queue:\n  memoryMiB: lots\n  diskMiB: 1\nlog:\n  levle: info\ntransport:\n  heartbeatMs: 6000\nserver:\n  listen: 1500\n");
  const of = (path: string) => errors.find((error) => error.path === path);
  expect(errors).toHaveLength(5);
  expect(of("queue.memoryMiB")).toMatchObject({ line: 2, column: 14, got: '"lots"', expected: "a whole number from 1 to 16777216" });
  expect(of("queue.diskMiB")).toMatchObject({ line: 3, column: 12, got: "1" });
  expect(of("log.levle")).toMatchObject({ line: 5, column: 10, expected: "a known field (did you mean log.level?)" });
  expect(of("transport.deadMs")).toMatchObject({ line: 7, got: "10000" });
  expect(of("server.listen")).toMatchObject({ line: 9, column: 11, got: "1500" });
});

test("the message names file, line, column and field", () => {
  expect(() => load("log:\n  level: loud\n")).toThrow(/etc\/sm\.yaml:2:10: log\.level: expected one of error, warn, info, debug, got "loud"/);
});

test.each([
  ["relation of retries", "apply: {retryInitialMs: 500, retryMaxMs: 100}", "apply.retryMaxMs"],
  ["no module at all", "source: {enabled: false}\ntarget: {enabled: false}", "target.enabled"],
  ["a section that is a list", "log: [1]", "log"],
  ["a list as the document", "- 1", ""],
  ["an unknown section", "quue: {}", "quue"],
  ["a relative root", "target: {allowedRoots: [srv]}", "target.allowedRoots"],
  ["a path with dots", "queue: {directory: /a/../b}", "queue.directory"],
  ["a port of 0 for peers", 'server: {addresses: ["h:0"]}', "server.addresses"],
  ["a wrong type of flag", "source: {enabled: 1}", "source.enabled"],
  ["a duplicate key", "log: {level: info, level: warn}", ""],
  ["broken YAML", "log: [", ""],
])("%s is an error", (_title, yaml, path) => {
  expect(errorsOf(yaml).map((error) => error.path)).toContain(path);
  expect(errorsOf(yaml).every((error) => error.line >= 1 && error.column >= 1)).toBe(true);
});

test("a field outside of its section is led home", () => {
  expect(errorsOf("memoryMiB: 5")[0]?.expected).toBe("a known field (did you mean queue.memoryMiB?)");
});

test("a section without fields counts as left out", () => {
  expect(load("log:\n").log.level).toBe("info");
});

test("an anchor that stands for too much is refused", () => {
  const lines = ["a0: &a0 [x, x]", ...Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`)];
  expect(errorsOf(lines.join("\n"))[0]?.expected).toMatch(/anchors/);
});

test("a runtime directory too long for a socket is refused", () => {
  expect(() => load("", { flags: { runtimeDir: `/${"r".repeat(120)}` } })).toThrow(/limit of Unix sockets/);
});

test("a configuration that cannot be read is an error, not the defaults", () => {
  const directory = home();
  mkdirSync(join(directory, "etc/sm.yaml"));
  expect(() => loadConfig({ env: { SM_HOME: directory } })).toThrow(/a readable file/);
});

test("endpoints", () => {
  expect(parseEndpoint("127.0.0.1:0")).toEqual({ host: "127.0.0.1", port: 0 });
  expect(parseEndpoint("[::1]:1500")).toEqual({ host: "::1", port: 1500 });
  expect(parseEndpoint("files-1.example.com:65535")).toEqual({ host: "files-1.example.com", port: 65_535 });
  for (const bad of ["", ":1", "h", "h:", "h:65536", "::1:1500", "h h:1", "[::1]", "http://h:1"]) expect(parseEndpoint(bad)).toBeUndefined();
});
