// The numbers that commands of the language give: positive = done, negative = failed. Those below 0 are the numbers known from
// the field; what none of them names is -1, and `$error` has the code by its name.

import { ERRORS, type ErrorCode, type SmError } from "../base/errors.js";

export const DONE = 1;

export const FAILED = -1;
const INVALID_PARAMETER = -101;
export const NO_COMMAND = -102;
const NO_SOURCE_MODULE = -103;
const NO_SOURCE_SELECTED = -104;
const NO_TARGET_MODULE = -105;

const NUMBERS: { readonly [Code in ErrorCode]?: number } = {
  SCRIPT_SYNTAX: NO_COMMAND,
  COMMAND_UNKNOWN: NO_COMMAND,
  SCRIPT_VALUE: INVALID_PARAMETER,
  USAGE: INVALID_PARAMETER,
  NOT_FOUND: INVALID_PARAMETER,
  REPSET_NAME_ILLEGAL: INVALID_PARAMETER,
  REPSET_RULE_ILLEGAL: INVALID_PARAMETER,
  REPSET_EMPTY: INVALID_PARAMETER,
  MAP_INVALID: INVALID_PARAMETER,
  CALENDAR_INVALID: INVALID_PARAMETER,
  TRANSMISSION_SETTING: INVALID_PARAMETER,
  NAME_TOO_LONG: INVALID_PARAMETER,
  SCRIPT_SOURCE: NO_SOURCE_MODULE,
  AGENT_UNREACHABLE: NO_SOURCE_MODULE,
  SCRIPT_NO_SOURCE: NO_SOURCE_SELECTED,
  SCRIPT_TARGET: NO_TARGET_MODULE,
  PEER_UNKNOWN: NO_TARGET_MODULE,
};

export function returnCodeOf({ code }: SmError): number {
  return NUMBERS[code] ?? FAILED;
}

/** Exit code of a script that went on behind a failure. */
export const SOME_FAILED_EXIT = ERRORS.DONE_WITH_PROBLEMS.exitCode;
