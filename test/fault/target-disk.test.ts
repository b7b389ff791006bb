// A disk below a target that loses what was written, of which the kernel tells once: whoever hears of it, nothing counts as durable.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import xxhash from "@node-rs/xxhash";
import { describe, expect, test } from "vitest";
import { type ApplyAck, ApplyService } from "../../src/apply/apply-service.js";
import { silentLog } from "../../src/base/log.js";
import { type Answer, BLOCK_BYTES, type Change } from "../../src/model/change.js";
import { bp, EPOCH, file } from "../support/apply-kit.js";
import { eventually } from "../support/eventually.js";
import { liveSet } from "../support/host-kit.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MiB = 1024 * 1024;
const CONTENT = Buffer.alloc(8 * MiB, "what was written");

/** A target with another file system at `mnt/`, whose disk takes no more once `break` was called. */
class FragileTarget {
  readonly directory = makeTempDirectory();
  readonly target = join(this.directory, "target");
  readonly #backing = LoopImage.open({ type: "tmpfs", sizeMiB: 48 });
  readonly disk: LoopImage;
  service: ApplyService | null = null;
  applied = 0;
  durable = 0;
  failure: unknown = null;
  answers: Answer[] = [];

  constructor(at: string) {
    mkdirSync(join(this.target, at), { recursive: true });
    this.disk = LoopImage.open({ type: "ext4", sizeMiB: 256, at: join(this.target, at), imageIn: this.#backing.path });
    // A journal that cannot be written ends the file system.
    this.disk.unmount();
    execFileSync("tune2fs", ["-O", "^has_journal", join(this.#backing.path, "image")], {
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
      stdio: "pipe",
    });
    this.disk.mount();
  }

  async open(durability: "write" | "fsync"): Promise<ApplyService> {
    this.applied = 0;
    this.service = await ApplyService.open({
      connectionKey: "0".repeat(32),
      stateDirectory: join(this.directory, "state"),
      epoch: EPOCH,
      stageBytesMax: 64 * MiB,
      mappings: [{ source: "/source/data", target: this.target }],
      rules: [{ path: "/source/data", mode: "include", recursive: true }],
      remapLinks: true,
      durability,
      retryInitialMs: 20,
      retryMaxMs: 50,
      quarantine: { refusals: [], limitMs: null, retryMs: 0 },
      orphans: { log: "names", programDirectories: [], ownDirectories: [], allowedRoots: [] },
      failpoint: null,
      log: silentLog,
      workersUrl: new URL("../../dist/apply/", import.meta.url),
    });
    this.service.onFailure((e) => {
      this.failure = e;
    });
    this.service.onAck(({ appliedSeq, durableSeq, answers }: ApplyAck) => {
      [this.applied, this.durable] = [appliedSeq, durableSeq];
      this.answers.push(...answers);
    });
    return this.service;
  }

  async apply(seq: number, ...changes: readonly Change[]): Promise<void> {
    this.service?.push(liveSet(seq, "mirror", changes));
    await eventually(async () => expect([this.applied, this.service?.retrying, this.failure]).toEqual([seq, null, null]), { timeoutMs: 5000 });
  }

  break(): void {
    try {
      writeFileSync(join(this.#backing.path, "ballast"), Buffer.alloc(48 * MiB, 1));
    } catch {
      // That is what was wanted.
    }
  }

  mend(): void {
    rmSync(join(this.#backing.path, "ballast"));
  }

  /** As the next start finds it. */
  get kept(): unknown {
    return JSON.parse(readFileSync(join(this.directory, "state", "durable.json"), "utf8"));
  }
}

const LOST = { durableSeq: 0, bootId: "", clean: false };

describe.skipIf(!canMountImages("ext4"))("the disk loses what was written (root)", () => {
  test("and another program was told of it", async () => {
    const fragile = new FragileTarget("mnt");
    const service = await fragile.open("write");
    await fragile.apply(1, file("mnt/a", CONTENT));
    fragile.break();
    expect(() => execFileSync("sync", ["-f", fragile.disk.path], { stdio: "pipe" })).toThrow();
    await service.close();
    expect(fragile.kept).toMatchObject(LOST);
  });

  test("and the way there leads elsewhere by then", async () => {
    const fragile = new FragileTarget("above/mnt");
    const service = await fragile.open("write");
    await fragile.apply(1, file("above/mnt/a", CONTENT));
    fragile.break();
    renameSync(join(fragile.target, "above"), join(fragile.target, "moved"));
    await service.close();
    renameSync(join(fragile.target, "moved"), join(fragile.target, "above"));
    expect(fragile.kept).toMatchObject(LOST);
  });

  test("and it was detached before anybody asked", async () => {
    const fragile = new FragileTarget("mnt");
    const service = await fragile.open("write");
    await fragile.apply(1, file("mnt/a", CONTENT));
    fragile.break();
    execFileSync("umount", ["-l", fragile.disk.path]);
    await service.close();
    expect(fragile.kept).toMatchObject(LOST);
    fragile.disk.mount();
  });
});

test.skipIf(!canMountImages("ext4"))("what was lost differs: the cache that still has it is not asked (root)", async () => {
  const fragile = new FragileTarget("mnt");
  const service = await fragile.open("write");
  await fragile.apply(1, file("mnt/a", CONTENT));
  fragile.break();
  await service.close();
  fragile.mend();
  const again = await fragile.open("write");
  expect(again.opened).toMatchObject({ suspect: true, resumed: false });
  const at = { root: 0, path: bp("mnt/a") };
  await fragile.apply(1, { op: "sums", ...at }, { op: "index", ...at, blockBytes: BLOCK_BYTES, ranges: [0, CONTENT.length / BLOCK_BYTES] });
  const block = xxhash.xxh64(CONTENT.subarray(0, BLOCK_BYTES));
  const [sums, index] = fragile.answers;
  if (sums?.kind !== "sums" || index?.kind !== "index") throw new Error("another answer");
  expect(sums.sums.length).toBe((CONTENT.length / BLOCK_BYTES) * 8);
  expect(Buffer.from(sums.sums).readBigUInt64LE(0)).not.toBe(block);
  expect(Buffer.from(index.entries).readBigUInt64LE(4)).not.toBe(block);
  await again.close();
});

test.skipIf(!canMountImages("ext4"))("a file system can be unmounted once what was written is durable, and when its connection is over (root)", async () => {
  const fragile = new FragileTarget("mnt");
  const service = await fragile.open("fsync");
  await fragile.apply(1, file("mnt/a", "content"));
  await eventually(async () => expect(fragile.durable).toBe(1));
  await eventually(async () => fragile.disk.unmount());
  fragile.disk.mount();
  await fragile.apply(2, file("mnt/b", "content"));
  await service.close();
  fragile.disk.unmount();
  expect(existsSync(join(fragile.disk.path, "b"))).toBe(false);
});
