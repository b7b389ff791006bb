// What the source has and cannot be looked at, such as a mount whose server has died: it is told, and nobody takes it for removed.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { canMountImages } from "../support/loop-image.js";
import { PYTHON } from "../support/python.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

/** From then on nothing can be learned of it but its name. */
const MOUNT_DEAD = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("/dev/fuse", os.O_RDWR)
options = "fd=%d,rootmode=40000,user_id=0,group_id=0" % fd
if libc.mount(b"dead", os.fsencode(sys.argv[1]), b"fuse", 0, options.encode()) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
os.close(fd)
`;

function mountDead(path: string): void {
  execFileSync(PYTHON, ["-c", MOUNT_DEAD, path], { stdio: "pipe" });
  onTestFinished(() => void execFileSync("umount", ["-l", path]));
}

function plant(): { root: string; target: string } {
  const root = makeTempDirectory();
  for (const name of ["a", "m", "z"]) {
    mkdirSync(join(root, name));
    writeFileSync(join(root, name, "file"), `of ${name}`);
  }
  return { root, target: join(makeTempDirectory(), "target") };
}

test.skipIf(!canMountImages("tmpfs")).each(["full", "difference"] as const)("a %s mirror leaves alone what cannot be looked at any more", async (mode) => {
  const { root, target } = plant();
  const kit = SourceKit.start({ root, target });
  await kit.mirror("full");
  await kit.settle();
  mountDead(join(root, "m"));
  mkdirSync(join(target, "extra"));
  await kit.mirror(mode, "remove");
  await kit.settle();
  expect(readFileSync(join(target, "m", "file"), "utf8")).toBe("of m");
  expect(readdirSync(target).sort()).toEqual(["a", "m", "z"]);
  expect(kit.problems).toContainEqual({ path: "m", code: "FS_IO" });
});

test.skipIf(!canMountImages("tmpfs")).each(["full", "difference"] as const)("a %s mirror leaves alone what could never be looked at", async (mode) => {
  const { root, target } = plant();
  const before = SourceKit.start({ root, target });
  await before.mirror("full");
  await before.settle();
  await before.stop();
  mountDead(join(root, "m"));
  mkdirSync(join(target, "extra"));
  const kit = SourceKit.start({ root, target });
  await kit.mirror(mode, "remove");
  await kit.settle();
  expect(readFileSync(join(target, "m", "file"), "utf8")).toBe("of m");
  expect(readdirSync(target).sort()).toEqual(["a", "m", "z"]);
  expect(kit.problems).toContainEqual({ path: "m", code: "FS_IO" });
});

/** As an account that may read what everybody may. */
async function unprivileged(work: () => Promise<void>): Promise<void> {
  process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

function openTo(root: string): void {
  for (let up = root; up !== "/" && up !== "/tmp"; up = join(up, "..")) chmodSync(up, 0o755);
}

test.skipIf(process.getuid?.() !== 0)("a directory that may not be read is told", async () => {
  const { root } = plant();
  openTo(root);
  chmodSync(join(root, "m"), 0o700);
  const kit = SourceKit.start({ root });
  await unprivileged(() => kit.mirror("full"));
  expect(kit.problems).toContainEqual({ path: "m", code: "FS_DENIED" });
  kit.problems.length = 0;
  mkdirSync(join(root, "n"), { mode: 0o700 });
  await unprivileged(async () => void (await kit.barrier()));
  expect(kit.problems).toContainEqual({ path: "n", code: "FS_DENIED" });
});
