import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { nearestWord } from "../../src/base/nearest-word.js";
import { homeDirectories, resolveCliDirectories } from "../../src/cli/directories.js";
import { parseConnectionId } from "../../src/cli/parse/connection-id.js";
import { parseDurationSeconds } from "../../src/cli/parse/duration.js";
import { parseMap, parseMapping } from "../../src/cli/parse/map-flags.js";
import { parsePeerAddress } from "../../src/cli/parse/peer-address.js";
import { buildRules, literalRulePath } from "../../src/cli/parse/rule-flags.js";
import { openDirectoryPair, pairKey } from "../../src/cli/replicate/directory-pair.js";

const usage = expect.objectContaining({ code: "USAGE" });

test("directories: flags, then SM_HOME, then the system's", () => {
  expect(resolveCliDirectories({}, {})).toEqual({ configDir: "/etc/sm", stateDir: "/var/lib/sm", runtimeDir: "/run/sm", logDir: "/var/log/sm" });
  expect(resolveCliDirectories({ "runtime-dir": "/r" }, { SM_HOME: "/h" })).toEqual({ ...homeDirectories("/h"), runtimeDir: "/r" });
  expect(homeDirectories("/h")).toEqual({ configDir: "/h/etc", stateDir: "/h/state", runtimeDir: "/h/run", logDir: "/h/log" });
});

test.for([
  ["/a=/b", "/a", "/b"],
  ["/a=b=/c", "/a=b", "/c"],
  ["/a=/b=/c", "/a", "/b=/c"],
  ["/=/b", "/", "/b"],
] as const)("--map %s", ([text, source, target]) => {
  expect(parseMapping(text)).toEqual({ source, target });
});

test.for(["/a", "/a=b", "a=/b", "=/b", ""])("--map %j is refused", (text) => {
  expect(() => parseMapping(text)).toThrow(expect.objectContaining({ code: "MAP_INVALID" }));
});

test("exactly one kind of map is given", () => {
  expect(parseMap({ map: ["/a=/b", "/c=/d"] })).toEqual({
    kind: "pairs",
    pairs: [
      { source: "/a", target: "/b" },
      { source: "/c", target: "/d" },
    ],
  });
  expect(parseMap({ exact: true })).toEqual({ kind: "exact" });
  expect(parseMap({ base: "/x/" })).toEqual({ kind: "base", directory: "/x" });
  expect(() => parseMap({})).toThrow(usage);
  expect(() => parseMap({ exact: true, base: "/x" })).toThrow(usage);
});

test("rules: relative includes start from here, relative excludes below each include", () => {
  const rules = buildRules({ include: ["/a", "b", "/c/*.d"], exclude: ["**/*.tmp", "/a/x"], recursive: false, cwd: "/w" });
  expect(rules).toEqual([
    { path: "/a", mode: "include", recursive: false },
    { path: "/w/b", mode: "include", recursive: false },
    { path: "/c/*.d", mode: "include", recursive: false },
    { path: "/a/**/*.tmp", mode: "exclude", recursive: true },
    { path: "/w/b/**/*.tmp", mode: "exclude", recursive: true },
    { path: "/c/**/*.tmp", mode: "exclude", recursive: true },
    { path: "/a/x", mode: "exclude", recursive: true },
  ]);
  expect(literalRulePath("/a b/[1]*{x}\\")).toBe("/a b/\\[1\\]\\*\\{x\\}\\\\");
});

test("durations, connections, addresses", () => {
  expect(["90", "90s", "1.5m", "1h", "2d", "0"].map((text) => parseDurationSeconds("--t", text))).toEqual([90, 90, 90, 3600, 172_800, 0]);
  for (const text of ["", "x", "-1", "1w", "1h30m", "1e3"]) expect(() => parseDurationSeconds("--t", text), text).toThrow(usage);
  expect(parseConnectionId("12")).toBe(12);
  for (const text of ["0", "-1", "1.5", "home", "99999999999999999"]) expect(() => parseConnectionId(text), text).toThrow(usage);
  expect(parsePeerAddress("--a", "beta.example:1500")).toEqual({ host: "beta.example", port: 1500 });
  expect(parsePeerAddress("--a", "[2001:db8::1]:15")).toEqual({ host: "2001:db8::1", port: 15 });
  for (const text of ["beta", "beta:0", "beta:70000", "2001:db8::1:15", ":15", "a b:1"]) expect(() => parsePeerAddress("--a", text), text).toThrow(usage);
});

test("a slip of the pen finds its command, anything else none", () => {
  expect(nearestWord("repset creat home", ["status", "repset create", "repset copy"])).toBe("repset create");
  expect(nearestWord("stauts", ["status", "sync"])).toBe("status");
  expect(nearestWord("frobnicate", ["status", "sync"])).toBeUndefined();
});

test("a pair of directories is real, made, and never nested", async () => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "sm-pair-")));
  onTestFinished(() => rmSync(base, { recursive: true }));
  const [a, b] = [join(base, "a"), join(base, "b")];
  mkdirSync(join(a, "sub"), { recursive: true });
  symlinkSync(a, join(base, "link"));
  writeFileSync(join(base, "file"), "");

  const pair = await openDirectoryPair(join(base, "link"), join(b, "new", "deep"));
  expect(pair).toEqual({ source: a, target: join(b, "new", "deep") });
  expect(realpathSync(pair.target)).toBe(pair.target);
  expect(pairKey(pair)).toMatch(/^[0-9a-f]{16}$/);

  const loop = { code: "LOOP" };
  await expect(openDirectoryPair(a, join(base, "link", "sub", "x"))).rejects.toMatchObject(loop);
  await expect(openDirectoryPair(join(a, "sub"), a)).rejects.toMatchObject(loop);
  await expect(openDirectoryPair(a, a)).rejects.toMatchObject(loop);
  expect(() => realpathSync(join(a, "sub", "x"))).toThrow();
  await expect(openDirectoryPair(join(base, "none"), b)).rejects.toMatchObject({ code: "USAGE" });
  await expect(openDirectoryPair(join(base, "file"), b)).rejects.toMatchObject({ code: "USAGE" });
  await expect(openDirectoryPair(a, join(base, "file"))).rejects.toMatchObject({ code: "USAGE" });
  // A name that begins like the other's is no nesting.
  expect(await openDirectoryPair(a, `${a}b`)).toEqual({ source: a, target: `${a}b` });
});
