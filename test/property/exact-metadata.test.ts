// Attributes and names at their limits, while they are changed: what a source in the engine's thread is told reaches the target
// without a walk. Needs root.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { LiveContent } from "../../src/capture/live-content.js";
import { compareTrees } from "../support/compare-trees.js";
import { FanotifyKit, titled, whyNoFanotify } from "../support/fanotify-kit.js";
import { runOperations } from "../support/fs-driver.js";
import { canMountImages, type FileSystemType, LoopImage } from "../support/loop-image.js";
import { PYTHON } from "../support/python.js";
import { SourceKit } from "../support/source-kit.js";
import { canTrace } from "../support/trace-kit.js";

const NO_FANOTIFY = whyNoFanotify();
const TYPES: readonly FileSystemType[] = ["ext4", "xfs", "btrfs"];

/** user_u: rw-, user 1234: r-x, group: r--, mask: rwx, other: nothing; as the kernel keeps it. */
const ACL = "0200000001000600ffffffff02000500d204000004000400ffffffff10000700ffffffff20000000ffffffff";
const DEFAULT_ACL = "0200000001000700ffffffff04000500ffffffff20000500ffffffff";
/** cap_net_bind_service=ep */
const CAPABILITY = "0100000200040000000000000000000000000000";

function python(directory: string, program: string): string {
  return execFileSync(PYTHON, ["-c", program], { cwd: directory, encoding: "utf8" });
}

/** Replicates a root on a file system of its own. */
async function replicate(type: FileSystemType): Promise<{ readonly root: string; readonly target: string; readonly kit: SourceKit }> {
  const mount = LoopImage.open({ type, sizeMiB: 320 }).path;
  const [root, target] = [join(mount, "root"), join(mount, "target")];
  for (const path of [root, target]) mkdirSync(path);
  const { source } = await FanotifyKit.start([root]);
  const kit = SourceKit.start({
    root,
    target,
    attach: (engine) => {
      const content = canTrace() ? LiveContent.open(engine.trees) : { reason: "no trace events" };
      if (!("reason" in content)) onTestFinished(() => content.close());
      engine.live.attach(source, "reason" in content ? null : content);
    },
  });
  source.onFacts(() => kit.engine.wake());
  await kit.mirror("full");
  await kit.settle();
  return { root, target, kit };
}

test.skipIf(NO_FANOTIFY !== null).for(TYPES)(titled("every attribute that is changed on %s reaches the target", NO_FANOTIFY), async (type) => {
  if (!canMountImages(type)) return;
  const { root, target, kit } = await replicate(type);
  const path = (name: string): string => join(root, name);
  mkdirSync(path("directory"));
  for (const name of ["file", "set-id", "capable", "linked"]) writeFileSync(path(name), name);
  linkSync(path("linked"), path("directory/link"));
  symlinkSync("file", path("symlink"));
  execFileSync("mkfifo", [path("fifo")]);
  execFileSync("mknod", [path("device"), "c", "1", "3"]);
  await kit.settle();
  expect(await compareTrees(root, target)).toEqual([]);
  chownSync(path("set-id"), 1234, 2345);
  chmodSync(path("set-id"), 0o6755);
  chmodSync(path("directory"), 0o3770);
  python(
    root,
    `import os
os.setxattr("capable", "security.capability", bytes.fromhex("${CAPABILITY}"))
os.setxattr("file", "system.posix_acl_access", bytes.fromhex("${ACL}"))
os.setxattr("directory", "system.posix_acl_default", bytes.fromhex("${DEFAULT_ACL}"))
os.setxattr("linked", "trusted.secret", b"\\0\\xff")
os.setxattr("linked", "user.note", b"x" * 600)
os.setxattr("symlink", "trusted.secret", b"of the link", follow_symlinks=False)
os.chown("symlink", 7, 8, follow_symlinks=False)
os.utime("symlink", ns=(1_111_111_111_000_000_001, 1_222_222_222_000_000_003), follow_symlinks=False)
os.utime("fifo", ns=(1, 999_999_999_999_999_999))`,
  );
  await kit.settle();
  expect(await compareTrees(root, target)).toEqual([]);
  // A write takes away set-id bits and capabilities, an entry changes the times of its directory, which are put back.
  writeFileSync(path("set-id"), "new", { flag: "a" });
  writeFileSync(path("capable"), "new", { flag: "a" });
  unlinkSync(path("directory/link"));
  utimesSync(path("directory"), 1, 1_000_000_000);
  python(root, `import os\nos.removexattr("linked", "user.note")\nos.removexattr("file", "system.posix_acl_access")`);
  await kit.settle();
  expect(await compareTrees(root, target)).toEqual([]);
  expect(kit.problems).toEqual([]);
});

test.skipIf(NO_FANOTIFY !== null).for(TYPES)(
  titled("the time of modification alone, set on what is not written, reaches the target on %s", NO_FANOTIFY),
  async (type) => {
    if (!canMountImages(type)) return;
    const { root, target, kit } = await replicate(type);
    mkdirSync(join(root, "directory"));
    for (const name of ["file", "empty"]) writeFileSync(join(root, name), name === "file" ? "some" : "");
    writeFileSync(join(root, "large"), Buffer.alloc(300_000, 1));
    symlinkSync("file", join(root, "symlink"));
    execFileSync("mkfifo", [join(root, "fifo")]);
    execFileSync("mknod", [join(root, "device"), "c", "1", "3"]);
    await kit.settle();
    for (const [index, name] of ["file", "empty", "large", "symlink", "fifo", "device", "directory", ""].entries()) {
      runOperations(root, [{ kind: "times", path: name, mtimeNs: 1_222_222_222_000_000_001n + BigInt(index) }]);
      await kit.settle();
      expect(await compareTrees(root, target), name).toEqual([]);
    }
  },
);

test.skipIf(NO_FANOTIFY !== null)(titled("an immutable and an append-only file are read, changed and removed as they allow it", NO_FANOTIFY), async () => {
  const { root, target, kit } = await replicate("ext4");
  const chattr = (flag: string, name: string): string => execFileSync("chattr", [flag, join(root, name)], { encoding: "utf8" });
  writeFileSync(join(root, "frozen"), "frozen");
  writeFileSync(join(root, "log"), "one\n");
  chattr("+i", "frozen");
  chattr("+a", "log");
  await kit.settle();
  writeFileSync(join(root, "log"), "two\n", { flag: "a" });
  await kit.settle();
  expect(await compareTrees(root, target)).toEqual([]);
  chattr("-i", "frozen");
  chattr("-a", "log");
  unlinkSync(join(root, "frozen"));
  renameSync(join(root, "log"), join(root, "old"));
  await kit.settle();
  expect(await compareTrees(root, target)).toEqual([]);
});

/** Goes down from the working directory, making directories of 250 bytes, until a name of `last` bytes makes the path `bytes` long. */
const GO_DOWN = `import os, sys
def down(bytes, make):
    length = 0
    while bytes - length > 251:
        name = "d" * 250
        if make and not os.path.isdir(name): os.mkdir(name)
        os.chdir(name)
        length += 251
    return "n" * (bytes - length)
`;

test.skipIf(NO_FANOTIFY !== null)(titled("paths of 4,095 bytes are replicated, and longer ones are skipped and said", NO_FANOTIFY), async () => {
  const { root, target, kit } = await replicate("ext4");
  const PATH_BYTES = 4095;
  python(
    root,
    `${GO_DOWN}
middle = down(${PATH_BYTES} - 201, True)
os.mkdir(middle)
os.chdir(middle)
open("f" * 200, "w").write("fits")
open("f" * 201, "w").write("too long")
os.mkdir("g" * 202)`,
  );
  await kit.settle();
  const listing = (top: string): string =>
    python(
      top,
      `${GO_DOWN}
os.chdir(down(${PATH_BYTES} - 201, False))
print(sorted((len(name), open(name).read() if os.path.isfile(name) else "") for name in os.listdir(".")))`,
    ).trim();
  expect(listing(root)).toBe("[(200, 'fits'), (201, 'too long'), (202, '')]");
  expect(listing(target)).toBe("[(200, 'fits')]");
  expect(new Set(kit.problems.map(({ code }) => code))).toEqual(new Set(["NAME_TOO_LONG"]));
  // By an event of its own, too.
  python(
    root,
    `${GO_DOWN}
os.chdir(down(${PATH_BYTES} - 201, False))
open("e" * 201, "w").write("too long")
os.rename("f" * 200, "e" * 202)`,
  );
  await kit.settle();
  expect(listing(target)).toBe("[]");
  // What is moved down with its directory is too long from then on, and comes back when it is moved up again.
  mkdirSync(join(root, "upper/lower"), { recursive: true });
  writeFileSync(join(root, "upper/lower/file"), "content");
  await kit.settle();
  python(
    root,
    `${GO_DOWN}
top = os.open(".", os.O_RDONLY)
os.chdir(down(${PATH_BYTES} - 201, False))
os.rename("upper", "u" * 190, src_dir_fd=top)
open("u" * 190 + "/lower/file", "a").write(", more")`,
  );
  await kit.settle();
  python(
    root,
    `${GO_DOWN}
top = os.open(".", os.O_RDONLY)
os.chdir(down(${PATH_BYTES} - 201, False))
os.rename("u" * 190, "upper", dst_dir_fd=top)`,
  );
  await kit.settle();
  expect(readFileSync(join(target, "upper/lower/file"), "utf8")).toBe("content, more");
  execFileSync("rm", ["-r", join(root, "upper")]);
  // Still there: what came after is replicated, and so is the removal of all of it.
  writeFileSync(join(root, "after"), "after");
  await kit.settle();
  expect(existsSync(join(target, "after"))).toBe(true);
  execFileSync("rm", ["-rf", join(root, readdirSync(root).find((name) => name.startsWith("d")) as string)]);
  await kit.settle();
  expect(readdirSync(target)).toEqual(["after"]);
});
