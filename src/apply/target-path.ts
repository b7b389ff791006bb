import { lstatSync, realpathSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { SmError } from "../base/errors.js";
import { liesWithin } from "../fs/storage-place.js";

export interface ProgramDirectory {
  readonly path: string;
  readonly key: string;
}

export interface TargetPathRules {
  /** When not empty, a target lies at or below one of these. */
  readonly allowedRoots: readonly string[];
  /** Directories of the agent itself: no target lies in, at or above them. */
  readonly ownDirectories: readonly string[];
  /** Directories of programs that this agent may run, and their configuration keys: as those of the agent. */
  readonly programDirectories: readonly ProgramDirectory[];
  /** It is the source that is written to, by the word of a person there: only the agent itself is kept out. */
  readonly isOwnPlace?: boolean;
}

const SYSTEM = ["/proc", "/sys", "/dev", "/run", "/boot", "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/** Throws TARGET_PATH_DENIED for a place that no source may write to. Links in the existing part of the path are resolved first. */
export function checkTargetPath(path: string, rules: TargetPathRules): void {
  const real = realPathOf(path);
  const deny = (why: string): never => {
    throw new SmError("TARGET_PATH_DENIED", `${path} cannot be a target: ${why}`, { data: { path, real } });
  };
  if (real === "/") deny("it is the root of the system");
  const isOwn = rules.isOwnPlace === true;
  for (const system of isOwn ? [] : SYSTEM) if (isAtOrBelow(real, realPathOf(system)) || isAtOrBelow(real, system)) deny(`${system} belongs to the system`);
  for (const own of rules.ownDirectories) {
    if (liesWithin(real, own)) deny(`${own} belongs to the agent itself`);
  }
  for (const programs of rules.programDirectories) {
    if (liesWithin(real, programs.path)) deny(`this agent runs programs of ${programs.path} (${programs.key}), which no source may write`);
  }
  if (!isOwn && rules.allowedRoots.length > 0 && !rules.allowedRoots.some((allowed) => isAtOrBelow(real, realPathOf(allowed)))) {
    deny(`it is not below ${rules.allowedRoots.join(", ")} (target.allowedRoots)`);
  }
}

export function isAtOrBelow(path: string, ancestor: string): boolean {
  return ancestor === "/" || path === ancestor || path.startsWith(`${ancestor}/`);
}

/** Normal form with all links resolved in the part of the path that exists. */
export function realPathOf(path: string): string {
  const plain = normalize(path).replace(/(?<=.)\/+$/, "");
  if (plain === "/" || lstatSync(plain, { throwIfNoEntry: false }) !== undefined) return resolved(plain);
  return join(realPathOf(dirname(plain)), plain.slice(dirname(plain).length));
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw new SmError("TARGET_PATH_DENIED", `${path} cannot be a target: it leads nowhere`, { cause: error });
  }
}
