// File systems of their own, mounted for one test. Needs root.

import { execFileSync } from "node:child_process";
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { makeTempDirectory } from "./temp-tree.js";

export type FileSystemType = "ext4" | "xfs" | "btrfs" | "tmpfs";

export interface LoopImageOptions {
  readonly type: FileSystemType;
  /** xfs needs 300, btrfs 128. */
  readonly sizeMiB: number;
  readonly mountOptions?: string;
  /** An existing directory to mount it at. Default: one of its own. */
  readonly at?: string;
  /** Where the image lies: a small file system that is full makes its writes fail. Default: a directory of its own. */
  readonly imageIn?: string;
}

/** True when this machine can make and mount such an image now. */
export function canMountImages(type: FileSystemType): boolean {
  if (process.getuid?.() !== 0) return false;
  return type === "tmpfs" || ["/usr/sbin", "/sbin"].some((folder) => existsSync(join(folder, `mkfs.${type}`)));
}

const MKFS: Readonly<Record<Exclude<FileSystemType, "tmpfs">, readonly string[]>> = {
  ext4: ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
  xfs: ["-q", "-f"],
  btrfs: ["-q", "-f"],
};

export class LoopImage {
  /** Where it is mounted. */
  readonly path: string;
  readonly #image: string;
  readonly #options: LoopImageOptions;
  #isMounted = false;

  private constructor(directory: string, options: LoopImageOptions) {
    this.path = options.at ?? join(directory, "mnt");
    this.#image = join(options.imageIn ?? directory, "image");
    this.#options = options;
  }

  /** Unmounted and removed when the test has finished. */
  static open(options: LoopImageOptions): LoopImage {
    const image = new LoopImage(makeTempDirectory(), options);
    onTestFinished(() => image.close());
    mkdirSync(image.path, { recursive: true });
    image.#make();
    image.mount();
    return image;
  }

  #make(): void {
    const { type, sizeMiB } = this.#options;
    if (type === "tmpfs") return;
    const fd = openSync(this.#image, "wx");
    ftruncateSync(fd, sizeMiB * 1024 * 1024);
    closeSync(fd);
    execFileSync(`mkfs.${type}`, [...MKFS[type], this.#image], { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }, stdio: "pipe" });
  }

  /** Mounts it again; a tmpfs is another, empty one then. */
  mount(): void {
    const { type, sizeMiB, mountOptions } = this.#options;
    const extra = mountOptions === undefined ? "" : `,${mountOptions}`;
    const args = type === "tmpfs" ? [`size=${sizeMiB}m,mode=755${extra}`, "tmpfs"] : [`loop${extra}`, this.#image];
    execFileSync("mount", ["-t", type, "-o", ...args, this.path]);
    this.#isMounted = true;
  }

  /** Changes mount options in place, e.g. "ro". */
  remount(mountOptions: string): void {
    execFileSync("mount", ["-o", `remount,${mountOptions}`, this.path]);
  }

  unmount(): void {
    if (!this.#isMounted) return;
    execFileSync("umount", [this.path]);
    this.#isMounted = false;
  }

  close(): void {
    if (this.#isMounted) execFileSync("umount", ["-l", this.path]);
    this.#isMounted = false;
    rmSync(this.#image, { force: true });
  }
}
