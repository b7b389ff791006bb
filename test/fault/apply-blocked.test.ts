// Full disks, protected files, missing rights: the change waits and goes on where it was.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ApplyKit, dir, file, frame, meta, patch, remove, rename } from "../support/apply-kit.js";

let kit: ApplyKit;
beforeEach(() => {
  kit = new ApplyKit();
});
afterEach(() => kit.close());

const MiB = 1024 * 1024;

test("a full disk blocks at the change; when there is room it goes on there, each step done once", () => {
  mkdirSync(kit.target);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", kit.target]);
  try {
    kit.apply(file("first", "x"), file("patched", "0123456789"), file("filler", Buffer.alloc(MiB)));
    const base = { size: 10, mtimeSec: 1_700_000_000, mtimeNsec: 123_456_789 };
    const big = "y".repeat(MiB + 4096);
    const set = frame(2, [
      rename("first", "second"),
      patch(
        "patched",
        base,
        [
          [0, "ab"],
          [4096, big],
        ],
        big.length + 4096,
        meta({ mtimeSec: 5 }),
      ),
      rename("second", "third"),
      file("first", "again"),
    ]);
    expect(kit.engine.applySet(set)).toMatchObject({ kind: "blocked", seq: 2, blocked: { path: "patched", code: "ENOSPC" } });
    expect(kit.engine.retry()).toMatchObject({ kind: "blocked" });
    expect(readdirSync(kit.target).sort()).toEqual(["filler", "patched", "second"]);
    execFileSync("rm", [kit.path("filler")]);
    expect(kit.engine.retry()).toMatchObject({ kind: "applied", answers: [] });
    expect(readdirSync(kit.target).sort()).toEqual(["first", "patched", "third"]);
    expect(readFileSync(kit.path("patched")).subarray(0, 10).toString()).toBe("ab23456789");
  } finally {
    kit.engine.close();
    execFileSync("umount", [kit.target]);
  }
});

test("a set blocked by a full disk goes on after a restart", () => {
  mkdirSync(kit.target);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", kit.target]);
  try {
    kit.apply(file("a", "1"));
    const set = frame(2, [rename("a", "b"), file("big", Buffer.alloc(900 * 1024, 1)), file("bigger", Buffer.alloc(900 * 1024, 1))]);
    expect(kit.engine.applySet(set)).toMatchObject({ kind: "blocked", blocked: { code: "ENOSPC" } });
    kit.reopen();
    execFileSync("mount", ["-o", "remount,size=4m", kit.target]);
    expect(kit.engine.applySet(set)).toMatchObject({ kind: "applied", answers: [] });
    expect(readdirSync(kit.target).sort()).toEqual(["b", "big", "bigger"]);
  } finally {
    kit.engine.close();
    execFileSync("umount", [kit.target]);
  }
});

test("a read-only mount is waited for", () => {
  mkdirSync(kit.target);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", kit.target]);
  try {
    kit.apply(file("a", "1"));
    execFileSync("mount", ["-o", "remount,ro", kit.target]);
    expect(kit.engine.applySet(frame(2, [file("b", "x")]))).toMatchObject({ kind: "blocked", blocked: { code: "EROFS" } });
    execFileSync("mount", ["-o", "remount,rw", kit.target]);
    expect(kit.engine.retry()).toMatchObject({ kind: "applied" });
  } finally {
    kit.engine.close();
    execFileSync("umount", [kit.target]);
  }
});

test("an immutable file blocks what would change or remove it, until it is released", () => {
  kit.apply(dir("d"), file("d/f", "x"));
  for (const change of [file("d/f", "new"), { op: "attr", root: 0, path: "d/f", type: "file", base: null, meta: meta({ uid: 9 }) } as never, remove("d")]) {
    execFileSync("chattr", ["+i", kit.path("d/f")]);
    try {
      kit.seq += 1;
      expect(kit.engine.applySet(frame(kit.seq, [change]))).toMatchObject({ kind: "blocked", blocked: { code: "EPERM" } });
    } finally {
      execFileSync("chattr", ["-i", kit.path("d/f")]);
    }
    expect(kit.engine.retry()).toMatchObject({ kind: "applied", answers: [] });
  }
  expect(existsSync(kit.path("d"))).toBe(false);
});

test("a running program is replaced by a new file, and never patched", () => {
  kit.apply(file("sleep", readFileSync("/bin/sleep"), { mode: 0o755 }));
  const child = execFileSync("sh", ["-c", `${kit.path("sleep")} 30 >/dev/null 2>&1 & echo $!`], { encoding: "utf8" }).trim();
  try {
    const { size } = kit.stat("sleep");
    const base = { size, mtimeSec: 1_700_000_000, mtimeNsec: 123_456_789 };
    expect(kit.apply(patch("sleep", base, [[0, "x"]], size, meta()))).toMatchObject([{ kind: "stale", path: "sleep" }]);
    expect(kit.apply(file("sleep", "#!/bin/sh\n", { mode: 0o755 }))).toEqual([]);
  } finally {
    process.kill(Number(child));
  }
  expect(readFileSync(kit.path("sleep"), "utf8")).toBe("#!/bin/sh\n");
});

const UNPRIVILEGED = `
import { pathToFileURL } from "node:url";
const [, , built, directory, frames] = process.argv;
const { ApplyEngine } = await import(pathToFileURL(built + "/apply/apply-engine.js").href);
const engine = ApplyEngine.open({ stateDirectory: directory + "/state-of-nobody", mappings: [{ source: "/s", target: directory + "/mine" }], remapLinks: true });
const begun = engine.begin("0123456789abcdef");
const outcomes = JSON.parse(frames).map((frame) => engine.applySet(Buffer.from(frame, "base64")));
console.log(JSON.stringify({ limits: begun.limits, outcomes }));
`;

test("an unprivileged target says what it cannot keep, and keeps the rest, also below read-only directories", () => {
  const nobody = 65_534;
  chmodSync(kit.directory, 0o777);
  const above = statSync(dirname(kit.directory)).mode & 0o7777;
  if ((above & 0o001) === 0) chmodSync(dirname(kit.directory), above | 0o011);
  mkdirSync(`${kit.directory}/mine`);
  chownSync(`${kit.directory}/mine`, nobody, nobody);
  writeFileSync(`${kit.directory}/run.mjs`, UNPRIVILEGED);
  const device = { op: "special", root: 0, path: "dev", kind: "char", major: 1, minor: 3, meta: meta() } as never;
  const trusted = file("trusted", "x", {
    xattrs: [
      ["trusted.a", Buffer.from("x")],
      ["user.a", Buffer.from("y")],
    ],
  });
  const first = frame(1, [
    dir("ro", { mode: 0o555 }),
    file("ro/f", "one", { mode: 0o400 }),
    dir("ro/sub", { mode: 0o500 }),
    file("ro/sub/g", "x"),
    file("owned", "x", { uid: 5, gid: 6 }),
    device,
    trusted,
  ]);
  const second = frame(2, [file("ro/f", "two", { mode: 0o400 }), rename("ro/sub/g", "ro/h"), remove("ro/sub")]);
  const frames = JSON.stringify([first, second].map((bytes) => bytes.toString("base64")));
  const built = fileURLToPath(new URL("../../dist", import.meta.url));
  const run = spawnSync(process.execPath, [`${kit.directory}/run.mjs`, built, kit.directory, frames], { uid: nobody, gid: nobody, encoding: "utf8" });
  expect(run.stderr).toBe("");
  const { limits, outcomes } = JSON.parse(run.stdout);
  expect(limits).toHaveLength(3);
  expect(outcomes).toMatchObject([
    { kind: "applied", answers: [{ kind: "problem", path: "dev", code: "EPERM" }] },
    { kind: "applied", answers: [] },
  ]);
  const mine = `${kit.directory}/mine`;
  expect([readdirSync(`${mine}/ro`).sort(), readFileSync(`${mine}/ro/f`, "utf8")]).toEqual([["f", "h"], "two"]);
  expect([statSync(`${mine}/ro`).mode & 0o777, statSync(`${mine}/ro/f`).mode & 0o777, statSync(`${mine}/owned`).uid]).toEqual([0o555, 0o400, nobody]);
});
