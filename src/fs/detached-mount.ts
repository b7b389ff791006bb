// A mount that is nowhere in the tree: made, used through its descriptor, and gone when that is closed. No name for it
// exists at any time, so nothing of it can be seen by others or be left behind by a crash.

import koffi from "koffi";
import { closeFd } from "./native.js";

const libc = koffi.load(process.platform === "linux" ? "libc.so.6" : null);

const SYS_FSOPEN = 430;
const SYS_FSCONFIG = 431;
const SYS_FSMOUNT = 432;
const CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;

const c = {
  fsopen: libc.func("long syscall(long, const void*, long)"),
  fsconfig: libc.func("long syscall(long, long, long, const void*, const void*, long)"),
  fsmount: libc.func("long syscall(long, long, long, long)"),
};

export interface DetachedMountOptions {
  readonly type: string;
  readonly source: string;
  /** As the file system is mounted already: another wish would change it for everybody. */
  readonly isReadOnly: boolean;
  readonly options: Readonly<Record<string, string>>;
}

const cstring = (text: string): Buffer => Buffer.from(`${text}\0`, "latin1");

function checked(result: unknown): number {
  const number = Number(result);
  return number < 0 ? -koffi.errno() : number;
}

/** A descriptor of the mount's top, or the negative errno. The caller closes it, and with it the mount. */
export function openDetachedMount({ type, source, isReadOnly, options }: DetachedMountOptions): number {
  const context = checked(c.fsopen(SYS_FSOPEN, cstring(type), CLOEXEC));
  if (context < 0) return context;
  const settings: readonly (readonly [number, string, string | null])[] = [
    [FSCONFIG_SET_STRING, "source", source],
    ...Object.entries(options).map(([key, value]) => [FSCONFIG_SET_STRING, key, value] as const),
    ...(isReadOnly ? ([[FSCONFIG_SET_FLAG, "ro", null]] as const) : []),
  ];
  let result = 0;
  for (const [command, key, value] of settings) {
    if (result >= 0) result = checked(c.fsconfig(SYS_FSCONFIG, context, command, cstring(key), value === null ? null : cstring(value), 0));
  }
  if (result >= 0) result = checked(c.fsconfig(SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, null, null, 0));
  if (result >= 0) result = checked(c.fsmount(SYS_FSMOUNT, context, CLOEXEC, 0));
  closeFd(context);
  return result;
}
