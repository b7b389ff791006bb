// Fields of the configuration as environment variables, for containers: SM_QUEUE_MEMORY_MIB stands for queue.memoryMiB.

import { nearestWord } from "../base/nearest-word.js";
import { ALL_FIELDS, type Field } from "./config-fields.js";
import type { FieldError } from "./field-error.js";
import { parseText } from "./yaml-source.js";

const PREFIX = "SM_";
/** What has these beginnings is of other parts of the program, of the programs of tasks, and of its tests. */
const OTHERS = /^SM_(HOME$|FAILPOINT$|PROGRAM$|(SOURCE|TARGET)_PATHS$|TEST_|SOAK_)/;
const SHOWN_LENGTH_MAX = 100;

export interface EnvironmentValue {
  readonly variable: string;
  readonly value: unknown;
}

export interface EnvironmentValues {
  /** By key: "queue.memoryMiB". Only what its field takes. */
  readonly values: ReadonlyMap<string, EnvironmentValue>;
  readonly errors: readonly FieldError[];
}

/** "queue", "memoryMiB" → "SM_QUEUE_MEMORY_MIB". */
export function variableOf(section: string, name: string): string {
  const words = name.replace("MiB", "Mib").replace(/([a-z0-9])([A-Z])/g, "$1_$2");
  return `${PREFIX}${section}_${words}`.toUpperCase();
}

const BY_VARIABLE = new Map(ALL_FIELDS.map((each) => [variableOf(each.section, each.name), each]));
const SECTIONS = [...new Set(ALL_FIELDS.map(({ section }) => `${PREFIX}${section.toUpperCase()}_`))];

/** An empty variable counts as unset. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): EnvironmentValues {
  const values = new Map<string, EnvironmentValue>();
  const errors: FieldError[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || text === "" || !variable.startsWith(PREFIX) || OTHERS.test(variable)) continue;
    const named = BY_VARIABLE.get(variable);
    if (named === undefined) {
      if (looksLikeField(variable)) errors.push({ ...placeIn(variable), path: "", expected: expectedFor(variable), got: "an unknown setting" });
      continue;
    }
    const { key, field } = named;
    const value = parseFieldText(field, text);
    if (value === undefined) errors.push({ ...placeIn(variable), path: key, expected: field.expected, got: JSON.stringify(text.slice(0, SHOWN_LENGTH_MAX)) });
    else values.set(key, { variable, value });
  }
  return { values, errors };
}

/** The text as it is where the field takes text, else as YAML: 64, null, [EPERM, EACCES]. Undefined when the field takes neither. */
export function parseFieldText<T>(field: Field<T>, text: string): T | undefined {
  const asText = field.parse(text);
  return asText === undefined ? field.parse(parseText(text)) : asText;
}

/** Whether it names a section, or was meant to be one that there is. */
function looksLikeField(variable: string): boolean {
  return SECTIONS.some((section) => variable.startsWith(section)) || nearestWord(variable, [...BY_VARIABLE.keys()]) !== undefined;
}

function expectedFor(variable: string): string {
  const nearest = nearestWord(variable, [...BY_VARIABLE.keys()]);
  return nearest === undefined ? "a variable such as SM_QUEUE_MEMORY_MIB, for queue.memoryMiB" : `a known setting (did you mean ${nearest}?)`;
}

function placeIn(variable: string): Pick<FieldError, "file" | "line" | "column"> {
  return { file: `environment variable ${variable}`, line: 0, column: 0 };
}
