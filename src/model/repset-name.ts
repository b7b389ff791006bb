// What a replication set may be called, what a rule may name, and where a copy may be put.
// Each check returns the reason why not, or undefined; the require… forms throw it.

import { SmError } from "../base/errors.js";
import { NAME_BYTES_MAX, PATH_BYTES_MAX } from "./byte-path.js";
import { compileGlob, splitRulePath } from "./repset-glob.js";

/** Characters that a replication set's name may not hold (HP guide p. 4-1). */
export const NAME_CHARACTERS_ILLEGAL = '.?<>:"/\\*|';
/** The same list for target locations, without the two characters that no Linux path can do without: "/" separates, "." is part of most file names. */
export const TARGET_CHARACTERS_ILLEGAL = '?<>:"\\*|';

const CONTROL = /[\x00-\x1f\x7f]/;
/** Half of a character pair: text that has no UTF-8 form, so no file can be meant by it. */
const LONE_SURROGATE = /\p{Surrogate}/u;

function findIllegal(text: string, illegal: string): string | undefined {
  if (CONTROL.test(text)) return "holds a control character";
  if (LONE_SURROGATE.test(text)) return "is no valid Unicode text";
  const found = [...text].find((c) => illegal.includes(c));
  return found === undefined ? undefined : `holds the illegal character ${found}`;
}

/** Why `name` cannot name a replication set, or undefined. */
export function checkRepsetName(name: string): string | undefined {
  if (name === "") return "is empty";
  const bytes = Buffer.byteLength(name);
  if (bytes > NAME_BYTES_MAX) return `has ${bytes} bytes, ${NAME_BYTES_MAX} are allowed`;
  return findIllegal(name, NAME_CHARACTERS_ILLEGAL);
}

export function requireRepsetName(name: string): string {
  const reason = checkRepsetName(name);
  if (reason !== undefined) throw new SmError("REPSET_NAME_ILLEGAL", `replication set name ${JSON.stringify(name)} ${reason}`, { data: { name, reason } });
  return name;
}

function checkAbsolute(path: string): string | undefined {
  if (!path.startsWith("/")) return "is not absolute";
  if (path.includes("\0")) return "holds a NUL";
  if (LONE_SURROGATE.test(path)) return "is no valid Unicode text";
  const bytes = Buffer.byteLength(path);
  if (bytes > PATH_BYTES_MAX) return `has ${bytes} bytes, ${PATH_BYTES_MAX} are allowed`;
  if (path === "/") return undefined;
  const components = path.slice(1).split("/");
  if (components.includes("..")) return 'holds ".."';
  if (components.includes(".") || components.includes("")) return 'is not normalised (a ".", a doubled or a trailing slash)';
  return undefined;
}

/**
 * Why `path` cannot be the path of a rule, or undefined. The 259 characters of HP guide p. 4-1 are superseded by the
 * 4,095 bytes that are replicated: a rule can name whatever can be copied.
 */
export function checkRulePath(path: string): string | undefined {
  const reason = checkAbsolute(path);
  if (reason !== undefined) return reason;
  try {
    const { literal, glob } = splitRulePath(path);
    if (literal.some((name) => name.length > NAME_BYTES_MAX)) return `has a component of more than ${NAME_BYTES_MAX} bytes`;
    if (glob === "") return undefined;
    // A glob right below "/" would have every file of the machine watched, or (as an exclude) never decide anything.
    if (literal.length === 0) return "has a glob that does not follow a literal directory";
    compileGlob(glob);
    return undefined;
  } catch (error) {
    if (error instanceof SmError && error.code === "REPSET_RULE_ILLEGAL") return `has an illegal glob: ${String(error.data.reason)}`;
    throw error;
  }
}

export function requireRulePath(path: string): string {
  const reason = checkRulePath(path);
  if (reason !== undefined) throw new SmError("REPSET_RULE_ILLEGAL", `rule path ${JSON.stringify(path)} ${reason}`, { data: { path, reason } });
  return path;
}

/** Why `path` cannot be a location on a target, or undefined. */
export function checkTargetPath(path: string): string | undefined {
  const reason = checkAbsolute(path);
  if (reason !== undefined) return reason;
  if (path.split("/").some((name) => Buffer.byteLength(name) > NAME_BYTES_MAX)) return `has a component of more than ${NAME_BYTES_MAX} bytes`;
  return findIllegal(path, TARGET_CHARACTERS_ILLEGAL);
}

export function requireTargetPath(path: string): string {
  const reason = checkTargetPath(path);
  if (reason !== undefined) throw new SmError("MAP_INVALID", `target location ${JSON.stringify(path)} ${reason}`, { data: { path, reason } });
  return path;
}

/** Tidies what people type: doubled slashes, "." components and a trailing slash; ".." stays, to be refused. */
export function tidyPath(path: string): string {
  if (!path.startsWith("/")) return path;
  return `/${path
    .split("/")
    .filter((component) => component !== "" && component !== ".")
    .join("/")}`;
}
