// One field of sm.yaml is changed, by the agent or where none runs: which fields there are, what they take, and how the file is written.

import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { SmError, toSmError } from "../base/errors.js";
import { orderFault } from "../base/file-rights.js";
import { nearestWord } from "../base/nearest-word.js";
import { writeFileAtomic } from "./atomic-file.js";
import { readConfigFiles } from "./check-files.js";
import { ALL_FIELDS, findField, type NamedField } from "./config-fields.js";
import { changeField } from "./config-text.js";
import { parseFieldText } from "./environment.js";
import { configInvalid, fieldErrorText } from "./field-error.js";
import { CONFIG_FILE, type LoadConfigOptions, resolveDirectories } from "./load-config.js";

export function requireField(key: string): NamedField {
  const field = findField(key);
  if (field === undefined) throw noField(key);
  return field;
}

export function noField(key: string): SmError {
  const nearest = nearestWord(
    key,
    ALL_FIELDS.map((field) => field.key),
  );
  const hint = nearest === undefined ? "`sm config get` lists all" : `did you mean ${nearest}?`;
  return new SmError("NOT_FOUND", `there is no field ${JSON.stringify(key)} of the configuration; ${hint}`);
}

/** A value as it is given, or as text of the file. Throws CONFIG_INVALID where the field does not take it. */
export function parseGiven(configDir: string, key: string, value: unknown): unknown {
  const { field } = requireField(key);
  const parsed = typeof value === "string" ? parseFieldText(field, value) : field.parse(value);
  if (parsed !== undefined) return parsed;
  throw configInvalid([{ file: join(configDir, CONFIG_FILE), line: 0, column: 0, path: key, expected: field.expected, got: JSON.stringify(value) }]);
}

/** The text of sm.yaml as it is, and with the field set, or taken out (`value` undefined). */
export function editedText(configDir: string, key: string, value: unknown): { readonly file: string; readonly before: string; readonly text: string } {
  const { section, name } = requireField(key);
  const file = join(configDir, CONFIG_FILE);
  const before = existsSync(file) ? readFileSync(file, "utf8") : "";
  return { file, before, text: changeField(file, before, [section, name], value) };
}

/** A link to a file elsewhere stays one. */
export function writeText(file: string, text: string): void {
  try {
    writeFileAtomic(existsSync(file) ? realpathSync(file) : file, text);
  } catch (error) {
    throw toSmError(error, "FS_IO", `cannot write ${file}`);
  }
}

/** What was changed of a configuration that no agent has loaded. */
export interface FileEdit {
  readonly file: string;
  readonly key: string;
  /** Undefined: it was taken out. */
  readonly value?: unknown;
  /** False: the file said so already. */
  readonly isChanged: boolean;
  readonly warnings: readonly string[];
}

/**
 * Without an agent: all files are checked with the new text before it is written, as the agent would. `given` undefined = the field is taken
 * out. Throws CONFIG_INVALID, FILE_UNSAFE where others may write what the agent will obey, NOT_FOUND.
 */
export function editWithoutAgent(options: LoadConfigOptions, key: string, given: string | undefined): FileEdit {
  const { configDir } = resolveDirectories(options);
  const value = given === undefined ? undefined : parseGiven(configDir, key, given);
  const { file, before, text } = editedText(configDir, key, value);
  for (const path of [configDir, file]) refuseUnsafe(path);
  const { errors, warnings } = readConfigFiles(options, text);
  if (errors.length > 0) throw configInvalid(errors);
  if (text !== before) writeText(file, text);
  return { file, key, ...(value === undefined ? {} : { value }), isChanged: text !== before, warnings: warnings.map(fieldErrorText) };
}

/** Throws FILE_UNSAFE where other accounts may write what the agent will obey. */
export function refuseUnsafe(path: string): void {
  const facts = statSync(path, { throwIfNoEntry: false });
  const fault = facts === undefined ? undefined : orderFault(path, facts, process.geteuid?.() ?? 0);
  if (fault !== undefined) throw fault;
}
