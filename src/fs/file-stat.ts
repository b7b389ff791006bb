// What the kernel tells of an inode: statx(2).

/** What statx(2) tells of an inode. Times are (seconds, nanoseconds); `dev` is major * 2^20 + minor. */
export interface FileStat {
  /** Type and permission bits, st_mode. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  /** Of 512 bytes. */
  readonly blocks: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  readonly ctimeSec: number;
  readonly ctimeNsec: number;
  /** Birth time, 0 where the file system keeps none: with `ino` it tells a reused inode number. */
  readonly btimeSec: number;
  readonly btimeNsec: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
}

const TWO32 = 4294967296;

/** The kernel's answer where it lies, to be read in place; each further call with it overwrites it. */
export class StatBuffer implements FileStat {
  readonly bytes = Buffer.alloc(256);
  readonly #words = new Uint32Array(this.bytes.buffer, this.bytes.byteOffset, 64);
  readonly #signed = new Int32Array(this.bytes.buffer, this.bytes.byteOffset, 64);

  #at(index: number): number {
    return this.#words[index] as number;
  }

  #u64(index: number): number {
    return this.#at(index) + this.#at(index + 1) * TWO32;
  }

  #s64(index: number): number {
    return this.#at(index) + (this.#signed[index + 1] as number) * TWO32;
  }

  /** Which of the fields asked for the kernel filled in. */
  get mask(): number {
    return this.#at(0);
  }

  get mode(): number {
    return this.#at(7) & 0xffff;
  }

  get nlink(): number {
    return this.#at(4);
  }

  get uid(): number {
    return this.#at(5);
  }

  get gid(): number {
    return this.#at(6);
  }

  get dev(): number {
    return this.#at(34) * 1048576 + this.#at(35);
  }

  get ino(): number {
    return this.#u64(8);
  }

  get size(): number {
    return this.#u64(10);
  }

  get blocks(): number {
    return this.#u64(12);
  }

  get mtimeSec(): number {
    return this.#s64(28);
  }

  get mtimeNsec(): number {
    return this.#at(30);
  }

  get ctimeSec(): number {
    return this.#s64(24);
  }

  get ctimeNsec(): number {
    return this.#at(26);
  }

  get btimeSec(): number {
    return this.#s64(20);
  }

  get btimeNsec(): number {
    return this.#at(22);
  }

  get rdevMajor(): number {
    return this.#at(32);
  }

  get rdevMinor(): number {
    return this.#at(33);
  }

  get mount(): number {
    return this.#u64(36);
  }

  copy(): FileStat {
    const { mode, nlink, uid, gid, dev, ino, size, blocks } = this;
    const { mtimeSec, mtimeNsec, ctimeSec, ctimeNsec, btimeSec, btimeNsec, rdevMajor, rdevMinor } = this;
    return { mode, nlink, uid, gid, dev, ino, size, blocks, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec, btimeSec, btimeNsec, rdevMajor, rdevMinor };
  }
}
