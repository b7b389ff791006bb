// What this process may do to a target, read once from the kernel; and what an unprivileged target cannot keep, in words.

import { readFileSync } from "node:fs";

export interface Privileges {
  readonly uid: number;
  readonly gid: number;
  readonly canChown: boolean;
  readonly canMakeDevices: boolean;
  /** trusted.* and security.* attributes. */
  readonly canSetTrusted: boolean;
  /** Permission bits do not stop this process. */
  readonly overridesModes: boolean;
}

const CAP_CHOWN = 0n;
const CAP_DAC_OVERRIDE = 1n;
const CAP_SYS_ADMIN = 21n;
const CAP_MKNOD = 27n;

export function readPrivileges(): Privileges {
  const status = readFileSync("/proc/self/status", "latin1");
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const has = (capability: bigint): boolean => ((effective >> capability) & 1n) === 1n;
  return {
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
    canChown: has(CAP_CHOWN),
    canMakeDevices: has(CAP_MKNOD),
    canSetTrusted: has(CAP_SYS_ADMIN),
    overridesModes: has(CAP_DAC_OVERRIDE),
  };
}

export function limitsOf(privileges: Privileges): string[] {
  const limits: string[] = [];
  if (!privileges.canChown) limits.push("owners are not kept: the target agent is not root");
  if (!privileges.canMakeDevices) limits.push("device files are not made: the target agent is not root");
  if (!privileges.canSetTrusted) limits.push("trusted.* and security.* attributes are not kept: the target agent is not root");
  return limits;
}
