import { readFileSync } from "node:fs";
import { bytesFromText } from "../model/byte-path.js";

/** Mount points at or below the directories (all in bytes), and the directories themselves: between them they lie on every file system there. */
export function withMountPoints(directories: readonly string[]): readonly string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "latin1")
    .split("\n")
    .flatMap((line) => line.split(" ")[4] ?? [])
    .map((path) => path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
  return [...new Set(directories.flatMap((directory) => [directory, ...mounts.filter((mount) => mount.startsWith(`${directory}/`))]))];
}

export function targetBytes(target: string): string {
  return bytesFromText(target).replace(/(?<=.)\/+$/, "");
}
