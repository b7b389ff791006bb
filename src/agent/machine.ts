import { readFileSync, readlinkSync } from "node:fs";

/** Kernel boot and mount namespace: two agents with the same value see the same files under the same paths. */
export function machineIdentity(): string {
  return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${readlinkSync("/proc/self/ns/mnt")}`;
}
