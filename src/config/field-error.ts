// What is wrong with one field of a configuration file, and the error that carries all of them at once.

import { SmError } from "../base/errors.js";

export interface FieldError {
  readonly file: string;
  /** From 1; 0 = the error has no place in the file (a default, a flag, the file itself). */
  readonly line: number;
  readonly column: number;
  /** Dotted path of the field; "" = the file as a whole. */
  readonly path: string;
  readonly expected: string;
  readonly got: string;
}

const GOT_LENGTH_MAX = 120;
/** Errors named in the message; `data.errors` holds all. */
const MESSAGE_ERRORS_MAX = 20;

/** A value as an error message shows it. */
export function showValue(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = jsonText(value) ?? String(value);
  return text.length > GOT_LENGTH_MAX ? `${text.slice(0, GOT_LENGTH_MAX)}…` : text;
}

function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // An anchor that is used within itself has no end.
    if (error instanceof TypeError) return "a value that contains itself";
    throw error;
  }
}

export function fieldErrorText({ file, line, column, path, expected, got }: FieldError): string {
  const place = line > 0 ? `${file}:${line}:${column}` : file;
  return `${place}: ${path === "" ? "" : `${path}: `}expected ${expected}, got ${got}`;
}

export function configInvalid(errors: readonly FieldError[], cause?: unknown): SmError {
  const shown = errors.slice(0, MESSAGE_ERRORS_MAX).map(fieldErrorText);
  if (errors.length > shown.length) shown.push(`and ${errors.length - shown.length} more`);
  return new SmError("CONFIG_INVALID", shown.join("\n"), { cause, data: { errors } });
}
