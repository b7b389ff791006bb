// Replication sets as a document that goes from agent to agent: their names and rules, as YAML or JSON. A generation is of one agent
// and stays there.

import { LineCounter, parse, YAMLParseError } from "yaml";
import { z } from "zod";
import { SmError } from "../../base/errors.js";
import { findTooDeep, YAML_DEPTH_MAX } from "../../base/yaml-nesting.js";
import { yamlText } from "../../base/yaml-text.js";
import { type RepsetData, type Rule, rulesSchema } from "../../model/rule.js";

export interface RepsetEntry {
  readonly name: string;
  readonly rules: readonly Rule[];
}

export interface RepsetDocument {
  readonly repsets: readonly RepsetEntry[];
}

const SETS_MAX = 1_000;
/** In one message; a file may have as many wrong fields as it has lines. */
const FIELDS_SHOWN_MAX = 20;
const HEADER = "# Replication sets of sm; `sm repset import FILE` makes them on another agent.\n";

const documentSchema = z.strictObject({
  repsets: z
    .array(z.strictObject({ name: z.string().min(1), rules: rulesSchema.min(1) }))
    .min(1)
    .max(SETS_MAX),
});

export function documentOf(repsets: readonly RepsetData[]): RepsetDocument {
  return { repsets: repsets.map(({ name, rules }) => ({ name, rules })) };
}

export function formatDocument(document: RepsetDocument): string {
  return HEADER + yamlText(document).trimEnd();
}

/** Throws CONFIG_INVALID with the fields that are wrong. `origin`: how the file is called in the message. */
export function parseDocument(text: string, origin: string): RepsetDocument {
  const parsed = documentSchema.safeParse(parseText(text, origin));
  if (!parsed.success) {
    const { issues } = parsed.error;
    const fields = issues.slice(0, FIELDS_SHOWN_MAX).map(({ path, message }) => `${path.join(".") || "the document"}: ${message}`);
    if (issues.length > FIELDS_SHOWN_MAX) fields.push(`and ${issues.length - FIELDS_SHOWN_MAX} more`);
    throw new SmError("CONFIG_INVALID", `${origin} holds no replication sets: ${fields.join("; ")}`);
  }
  const names = parsed.data.repsets.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new SmError("CONFIG_INVALID", `${origin} holds the replication set ${twice} twice`);
  return parsed.data;
}

function parseText(text: string, origin: string): unknown {
  if (findTooDeep(text) !== null) throw new SmError("CONFIG_INVALID", `${origin} is nested deeper than ${YAML_DEPTH_MAX} levels`);
  const lineCounter = new LineCounter();
  try {
    // Errors with an excerpt of the text take a time that grows with the square of its length.
    return parse(text, { logLevel: "error", prettyErrors: false, lineCounter });
  } catch (error) {
    const { line, col } = error instanceof YAMLParseError ? lineCounter.linePos(error.pos[0]) : { line: 1, col: 1 };
    throw new SmError("CONFIG_INVALID", `${origin} is neither YAML nor JSON: line ${line}, column ${col}: ${(error as Error).message}`, { cause: error });
  }
}
