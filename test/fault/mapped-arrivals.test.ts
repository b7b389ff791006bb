// Files that are mapped already when they become known as the set's: at the start, and when they come from elsewhere on the same file system. A
// page that was stored into before says nothing of the next store until it is settled. Needs root, tracefs and the mkfs of each file system.

import { closeSync, mkdirSync, openSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { LiveContent } from "../../src/capture/live-content.js";
import { compareTrees } from "../support/compare-trees.js";
import { FanotifyKit } from "../support/fanotify-kit.js";
import { runOperations } from "../support/fs-driver.js";
import { canMountImages, type FileSystemType, LoopImage } from "../support/loop-image.js";
import { MapWriter } from "../support/map-writer.js";
import { pastRacy } from "../support/past-racy.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";
import { attachContent, canTrace } from "../support/trace-kit.js";

const BYTES = 1024 * 1024;
const AT = 5;
/** More names than that, and their directory is listed instead. */
const NAMES_KEPT = 100_000;

interface Setting {
  /** On the file system, outside of the set. */
  readonly outside: string;
  readonly root: string;
  readonly target: string;
  readonly writer: MapWriter;
  /** As the agent begins: processes are looked at before the tree is known. */
  start(): Promise<{ readonly kit: SourceKit; readonly content: LiveContent }>;
}

function prepare(type: FileSystemType): Setting {
  const { path } = LoopImage.open({ type, sizeMiB: 320 });
  const [outside, root, target] = [join(path, "outside"), join(path, "data"), join(makeTempDirectory(), "target")];
  for (const directory of [outside, root]) mkdirSync(directory);
  const start = async (): Promise<{ kit: SourceKit; content: LiveContent }> => {
    const { source } = await FanotifyKit.start([root]);
    const contents: LiveContent[] = [];
    const attach = (engine: SourceKit["engine"]): void => {
      const content = attachContent(engine, source);
      content.survey();
      contents.push(content);
    };
    const kit = SourceKit.start({ root, target, attach });
    source.onFacts(() => kit.engine.wake());
    await kit.mirror("full");
    await kit.settle();
    return { kit, content: contents[0] as LiveContent };
  };
  return { outside, root, target, writer: new MapWriter(), start };
}

describe.each<FileSystemType>(["ext4", "xfs", "btrfs"])("%s", (type) => {
  const skip = !canTrace() || !canMountImages(type);

  test.skipIf(skip)("stores into a file that was mapped before the start are told", async () => {
    const { root, target, writer, start } = prepare(type);
    writeFileSync(join(root, "mapped"), Buffer.alloc(BYTES, 1));
    await writer.run(`map ${join(root, "mapped")}`);
    await writer.run(`store ${AT} 2`);
    const { kit } = await start();
    expect(readFileSync(join(target, "mapped"))[AT]).toBe(2);
    await writer.run(`store ${AT} 3`);
    await kit.settle();
    expect(readFileSync(join(target, "mapped"))[AT]).toBe(3);
  });

  test.skipIf(skip)("stores into a file that comes into the set while it is mapped are told, each time it comes", async () => {
    const { outside, root, target, writer, start } = prepare(type);
    const away = join(outside, "mapped");
    writeFileSync(away, Buffer.alloc(BYTES, 1));
    await writer.run(`map ${away}`);
    const { kit, content } = await start();
    await writer.run(`store ${AT} 2`);
    content.survey();
    for (const [name, value] of [
      ["first", 3],
      ["second", 5],
    ] as const) {
      const path = join(root, name);
      renameSync(away, path);
      await kit.settle();
      await writer.run(`store ${AT} ${value}`);
      await kit.settle();
      expect(readFileSync(join(target, name))[AT]).toBe(value);
      renameSync(path, away);
      await kit.settle();
      await writer.run(`store ${AT} ${value + 1}`);
    }
  });
});

test.skipIf(!canTrace() || !canMountImages("ext4"))(
  "what was stored into a file while it was outside of the set for a moment is told when it is back",
  async () => {
    const { root, target, start } = prepare("ext4");
    mkdirSync(join(root, "d"));
    for (const name of ["moved", "d/kept"]) writeFileSync(join(root, name), Buffer.alloc(BYTES, 1));
    const { kit } = await start();
    await pastRacy();
    // In one go: whoever looks finds them where they come to.
    runOperations(dirname(root), [
      { kind: "rename", path: "data/moved", to: "outside/moved" },
      { kind: "mmapWrite", path: "outside/moved", offset: AT, data: "a" },
      { kind: "rename", path: "outside/moved", to: "data/back" },
      { kind: "rename", path: "data/d", to: "outside/d" },
      { kind: "mmapWrite", path: "outside/d/kept", offset: AT, data: "b" },
      { kind: "rename", path: "outside/d", to: "data/d" },
    ]);
    await kit.settle();
    expect(await compareTrees(root, target)).toEqual([]);
  },
);

test.skipIf(!canTrace() || !canMountImages("ext4"))(
  "a store through a mapping that is gone is told, however much else happened in the same directory",
  async () => {
    const { root, target, writer, start } = prepare("ext4");
    writeFileSync(join(root, "mapped"), Buffer.alloc(BYTES, 1));
    const { kit } = await start();
    await pastRacy();
    await writer.run(`map ${join(root, "mapped")}`);
    await writer.run(`store ${AT} 2`);
    await writer.run("unmap");
    for (let at = 0; at <= NAMES_KEPT; at++) {
      closeSync(openSync(join(root, `n${at}`), "w"));
      unlinkSync(join(root, `n${at}`));
    }
    await kit.settle();
    expect(readFileSync(join(target, "mapped"))[AT]).toBe(2);
  },
);
