import * as Args from "@oclif/core/args";
import { SmError } from "../../base/errors.js";

export const jobArg = { job: Args.string({ description: "number of the job, as `sm job list` shows it", required: true }) };

/** Throws USAGE unless it is a number above 0. */
export function parseJobId(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new SmError("USAGE", `${text} is no job: a number above 0 is wanted`);
  return Number(text);
}
