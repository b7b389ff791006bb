import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkTargetPath, type TargetClaim, TargetClaims } from "../../src/apply/target-claims.js";

let directory: string;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "sm-claims-")));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const claim = (key: string, ...targets: string[]): TargetClaim => ({
  key,
  peer: "a",
  repset: "set",
  mappings: targets.map((target, i) => ({ source: `/s${i}`, target })),
});

test("two connections never write into one tree, across restarts and through links", async () => {
  mkdirSync(join(directory, "t/sub"), { recursive: true });
  symlinkSync(join(directory, "t"), join(directory, "link"));
  const claims = await TargetClaims.open(directory);
  await claims.register(claim("one", join(directory, "t/sub")));
  await claims.register(claim("one", join(directory, "t/sub")));
  const again = await TargetClaims.open(directory);
  for (const target of ["t/sub", "t", "t/sub/deep", "link/sub/", "link/../t/sub"]) {
    await expect(again.register(claim("two", join(directory, "x"), join(directory, target))), target).rejects.toMatchObject({ code: "TARGET_IN_USE" });
  }
  await again.register(claim("two", join(directory, "t/subway")));
  await expect(again.register(claim("one", join(directory, "y")))).rejects.toMatchObject({ code: "CONNECTION_EXISTS" });
  await expect(again.register(claim("three", join(directory, "z"), join(directory, "z/")))).rejects.toMatchObject({ code: "MAP_INVALID" });
  await again.release("one");
  await again.register(claim("three", join(directory, "t/sub")));
  expect(again.list.map(({ key }) => key)).toEqual(["two", "three"]);
});

test("system directories, the agent's own, and what is not allowed are no targets", () => {
  symlinkSync("/etc", join(directory, "link"));
  symlinkSync("/no/where", join(directory, "dangling"));
  const free = { allowedRoots: [], ownDirectories: [join(directory, "own")], programDirectories: [] };
  const denied = [
    "/",
    "//",
    "/etc",
    "/etc/x",
    "/usr/local/x",
    "/bin",
    "/lib64/x",
    "/proc/1",
    "/dev/shm/x",
    "/run/x",
    "/boot",
    "/tmp/../etc/x",
    join(directory, "link/x"),
    join(directory, "dangling"),
    join(directory, "own/x"),
    directory,
  ];
  for (const path of denied) expect(() => checkTargetPath(path, free), path).toThrowError(expect.objectContaining({ code: "TARGET_PATH_DENIED" }));
  for (const path of ["/library", "/srv/x", "/etcetera", join(directory, "owner")]) expect(() => checkTargetPath(path, free), path).not.toThrow();
  const limited = { allowedRoots: [join(directory, "allowed")], ownDirectories: [], programDirectories: [] };
  expect(() => checkTargetPath(join(directory, "allowed/x"), limited)).not.toThrow();
  expect(() => checkTargetPath(join(directory, "allowedx"), limited)).toThrowError(expect.objectContaining({ code: "TARGET_PATH_DENIED" }));
});

test("no source writes where programs of this agent lie: above, among or below them, by a link or a mount", () => {
  const programs = join(directory, "opt/programs");
  mkdirSync(programs, { recursive: true });
  symlinkSync(join(directory, "opt"), join(directory, "link"));
  const rules = { allowedRoots: [], ownDirectories: [], programDirectories: [{ path: programs, key: "source.taskDirectory" }] };
  const refused = expect.objectContaining({ code: "TARGET_PATH_DENIED", message: expect.stringContaining(`${programs} (source.taskDirectory)`) });
  for (const path of [programs, join(directory, "opt"), join(programs, "sub/x"), join(directory, "link/programs/x")])
    expect(() => checkTargetPath(path, rules), path).toThrowError(refused);
  expect(() => checkTargetPath(`${programs}2`, rules)).not.toThrow();
  const mounted = join(directory, "mounted");
  mkdirSync(mounted);
  expect(() => checkTargetPath(join(mounted, "x"), rules)).not.toThrow();
  if (process.geteuid?.() !== 0) return;
  execFileSync("mount", ["--bind", join(directory, "opt"), mounted]);
  try {
    expect(() => checkTargetPath(join(mounted, "programs/x"), rules)).toThrowError(refused);
    expect(() => checkTargetPath(join(mounted, "other"), rules)).not.toThrow();
    expect(() => checkTargetPath(mounted, { ...rules, programDirectories: [], ownDirectories: [programs] })).toThrowError(/agent itself/);
  } finally {
    execFileSync("umount", [mounted]);
  }
});
