import * as Args from "@oclif/core/args";
import { SmError } from "../../base/errors.js";

export const taskArg = { task: Args.string({ description: "number of the task (`sm task list`)", required: true }) };

/** Throws USAGE unless it is a number above 0. */
export function parseTaskNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new SmError("USAGE", `${text} is no task: a number above 0 is wanted`);
  return Number(text);
}
