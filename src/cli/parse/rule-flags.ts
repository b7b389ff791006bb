import { isAbsolute, join, resolve } from "node:path";
import { SmError } from "../../base/errors.js";
import type { Rule } from "../../model/rule.js";

export interface RuleFlags {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly recursive: boolean;
  /** What a relative include path starts from; null = of another machine: there is no such place. */
  readonly cwd: string | null;
}

/** A relative exclude pattern counts below each included directory. */
export function buildRules(flags: RuleFlags): Rule[] {
  const includes = flags.include.map((path) => absolutePath(path, flags.cwd));
  const excludes = flags.exclude.flatMap((pattern) => (isAbsolute(pattern) ? [pattern] : includes.map((include) => join(literalPrefix(include), pattern))));
  return [
    ...includes.map((path): Rule => ({ path, mode: "include", recursive: flags.recursive })),
    ...[...new Set(excludes)].map((path): Rule => ({ path, mode: "exclude", recursive: true })),
  ];
}

export function absolutePath(path: string, cwd: string | null): string {
  if (isAbsolute(path)) return path;
  if (cwd === null)
    throw new SmError("USAGE", `the path ${JSON.stringify(path)} is one of another machine, where this directory means nothing: give it from / on`);
  return resolve(cwd, path);
}

/** The directory before the first component with a glob. */
function literalPrefix(path: string): string {
  const components = path.split("/");
  const glob = components.findIndex((component) => /[*?[\]{}]|[!@+]\(/.test(component));
  return glob < 0 ? path : components.slice(0, glob).join("/") || "/";
}

/** The path itself as a rule: what a glob would take as a sign is meant literally. */
export function literalRulePath(path: string): string {
  return path.replace(/[\\*?[\]{}()!@+]/g, "\\$&");
}
