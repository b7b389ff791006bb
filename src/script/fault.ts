// What goes wrong in a script, with the place where it stands.

import { type ErrorCode, SmError } from "../base/errors.js";
import type { Place } from "./place.js";

export function faultAt(code: ErrorCode, message: string, at: Place): SmError {
  return new SmError(code, message, { data: { line: at.line, column: at.column } });
}

export function syntaxFault(message: string, at: Place): SmError {
  return faultAt("SCRIPT_SYNTAX", message, at);
}

/** The text ended where more must follow: further lines may complete it. */
export function incomplete(message: string, at: Place): SmError {
  return new SmError("SCRIPT_SYNTAX", message, { data: { line: at.line, column: at.column, isIncomplete: true } });
}

export function isIncomplete({ data }: SmError): boolean {
  return data.isIncomplete === true;
}

/** The place that the error names, or else the one of the statement. */
export function placeOf({ data }: SmError, otherwise: Place): Place {
  const { line, column } = data;
  return typeof line === "number" && typeof column === "number" ? { line, column } : otherwise;
}

/** A place is known only where the text is: an operand that a variable gives learns it there. */
export function withPlace(error: SmError, at: Place): SmError {
  return new SmError(error.code, error.message, { cause: error, data: { ...error.data, line: at.line, column: at.column } });
}
