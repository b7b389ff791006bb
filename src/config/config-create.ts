// The first sm.yaml of a server, made from the commented one of the package: nothing is replaced, and nothing is written that an agent would not take.

import { lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { SmError, toSmError } from "../base/errors.js";
import { createFileAtomic } from "./atomic-file.js";
import { readConfigFiles } from "./check-files.js";
import { parseGiven, refuseUnsafe } from "./config-edit.js";
import { changeField } from "./config-text.js";
import { configInvalid, fieldErrorText } from "./field-error.js";
import { CONFIG_FILE, type LoadConfigOptions, resolveDirectories } from "./load-config.js";
import { YamlSource } from "./yaml-source.js";

export interface NewConfig {
  readonly file: string;
  readonly text: string;
  readonly warnings: readonly string[];
}

/** Fields by key, as they are given or as text of the file. */
export type GivenSettings = Readonly<Record<string, unknown>>;

/** The file that is to be. Throws ALREADY_EXISTS, FILE_UNSAFE, and CONFIG_INVALID with the errors of all files of the directory. */
export function planConfig(options: LoadConfigOptions, sample: string, settings: GivenSettings): NewConfig {
  const { configDir } = resolveDirectories(options);
  const file = join(configDir, CONFIG_FILE);
  if (lstatSync(file, { throwIfNoEntry: false }) !== undefined) throw alreadyThere(file);
  refuseUnsafe(configDir);
  // The schema that editors are led to lies in the package.
  let text = sample.replace(/^# yaml-language-server:.*\n/, "");
  for (const [key, given] of Object.entries(settings)) text = withSetting(file, configDir, text, key, given);
  const { errors, warnings } = readConfigFiles(options, text);
  if (errors.length > 0) throw configInvalid(errors);
  return { file, text, warnings: warnings.map(fieldErrorText) };
}

/** Whole or not at all; others may read it, and only its owner write. */
export function writeConfig({ configDir }: { readonly configDir: string }, { file, text }: NewConfig): void {
  try {
    mkdirSync(configDir, { recursive: true, mode: 0o755 });
    refuseUnsafe(configDir);
    createFileAtomic(file, text);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "EEXIST" ? alreadyThere(file) : toSmError(error, "FS_IO", `cannot write ${file}`);
  }
}

/** What the file says already it goes on saying in its own words. */
function withSetting(file: string, configDir: string, text: string, key: string, given: unknown): string {
  const value = parseGiven(configDir, key, given);
  const [section = "", name = ""] = key.split(".");
  const root = new YamlSource(file, text).value() as Readonly<Record<string, Readonly<Record<string, unknown>> | null>>;
  return isDeepStrictEqual(root[section]?.[name], value) ? text : changeField(file, text, [section, name], value);
}

function alreadyThere(file: string): SmError {
  return new SmError(
    "ALREADY_EXISTS",
    `${file} is there already, and is left as it is: \`sm config set KEY VALUE\` changes it, \`sm config get\` shows what it says`,
  );
}
