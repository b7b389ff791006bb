// Loop-mounted ext4 images: the same fresh file system for every run, and nobody else's files on it.

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";

export class Image {
  #file;
  #sizeMiB;
  #isMounted = false;
  /** @type {string} Where it is mounted. */
  path;

  constructor(/** @type {string} */ stem, /** @type {number} */ sizeMiB) {
    this.#file = `${stem}.img`;
    this.path = stem;
    this.#sizeMiB = sizeMiB;
  }

  /** Makes the file system anew, empty, and mounts it. `inodesMin`: room for so many files at least. */
  renew(inodesMin = 200_000) {
    this.close();
    writeFileSync(this.#file, "");
    truncateSync(this.#file, this.#sizeMiB * 1024 * 1024);
    mkdirSync(this.path, { recursive: true });
    // Everything that the kernel would otherwise do lazily, during the measurement, is done now.
    const options = ["-q", "-F", "-N", String(Math.max(inodesMin, this.#sizeMiB * 16)), "-E", "lazy_itable_init=0,lazy_journal_init=0"];
    execFileSync("mkfs.ext4", [...options, this.#file], { stdio: "pipe", env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
    execFileSync("mount", ["-o", "loop,noatime", this.#file, this.path]);
    this.#isMounted = true;
    rmSync(`${this.path}/lost+found`, { recursive: true, force: true });
    this.sync();
  }

  /**
   * Makes the file system anew after a plain copy of `from` was on it. In a virtual machine, memory that the host has taken
   * back is slow at its next use: after the same copy, each program finds the machine in the same state.
   */
  renewAfterCopy(/** @type {string} */ from) {
    this.renew();
    execFileSync("cp", ["-a", `${from}/.`, this.path]);
    this.sync();
    this.renew();
  }

  /** Reads and writes go to the disk as they come, several at a time, as they would to a disk of its own; otherwise one after the other, through the memory of the machine. */
  bypassMemory() {
    const devices = execFileSync("losetup", ["-j", this.#file, "-nO", "NAME"], { encoding: "utf8" });
    execFileSync("losetup", ["--direct-io=on", devices.trim()]);
  }

  /** Nothing of it is in memory afterwards, nor of anything else. */
  leaveMemory() {
    this.sync();
    writeFileSync("/proc/sys/vm/drop_caches", "3");
  }

  /** Returns the seconds it took to bring everything to the disk. */
  sync() {
    const startedAt = performance.now();
    execFileSync("sync", ["-f", this.path]);
    return (performance.now() - startedAt) / 1000;
  }

  close() {
    if (this.#isMounted) execFileSync("umount", ["-l", this.path]);
    this.#isMounted = false;
    rmSync(this.#file, { force: true });
  }
}
