// Who is at the other end of a Unix socket: SO_PEERCRED of unix(7), which the kernel noted when they connected. Nobody can claim another
// account with it. A call takes a microsecond, so that it is made on the event loop.

import { readFileSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import koffi from "koffi";
import type { Account } from "../model/account.js";

const SOL_SOCKET = 1;
const SO_PEERCRED = process.arch === "ppc64" ? 21 : 17;
/** What a socket that is none of Unix answers: (uid_t) -1. */
const NOBODY = 0xffffffff;

const libc = koffi.load(process.platform === "linux" ? "libc.so.6" : null);
const getsockopt = libc.func("int getsockopt(int, int, int, void*, void*)");

/** Undefined where it cannot be told: the socket is closed, is no Unix socket, or Node does not show its descriptor. */
export function socketAccount(socket: Socket, names: AccountNames): Account | undefined {
  const fd = (socket as unknown as { readonly _handle?: { readonly fd?: unknown } | null })._handle?.fd;
  if (typeof fd !== "number" || fd < 0) return undefined;
  // struct ucred: pid, uid, gid, in the byte order of the machine.
  const credentials = new Uint32Array(3);
  const length = new Uint32Array([credentials.byteLength]);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) return undefined;
  const [pid = 0, uid = NOBODY] = credentials;
  return uid === NOBODY ? undefined : { uid, pid, name: names.of(uid) };
}

/** The names of accounts by the text of a password file (passwd(5)), which is read again when it was changed. */
export class AccountNames {
  readonly #file: string;
  #version = "";
  #names: ReadonlyMap<number, string> = new Map();

  constructor(file = "/etc/passwd") {
    this.#file = file;
  }

  of(uid: number): string {
    this.#refresh();
    return this.#names.get(uid) ?? `uid ${uid}`;
  }

  #refresh(): void {
    const stats = statSync(this.#file, { throwIfNoEntry: false });
    const version = stats === undefined ? "" : `${stats.ino} ${stats.size} ${stats.mtimeMs}`;
    if (version === this.#version) return;
    this.#version = version;
    this.#names = namesFrom(readText(this.#file));
  }
}

/** Names are for showing, the number decides: a file that cannot be read has none. */
function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** The first line of a number counts, as for getpwuid(3). */
export function namesFrom(passwdFile: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of passwdFile.split("\n")) {
    const [name, , id] = line.split(":");
    if (name === undefined || name === "" || id === undefined || !/^\d+$/.test(id)) continue;
    const uid = Number(id);
    if (!names.has(uid)) names.set(uid, name);
  }
  return names;
}
