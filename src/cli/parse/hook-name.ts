import * as Args from "@oclif/core/args";

export const hookArg = { name: Args.string({ description: "name of the hook (`sm hook list`)", required: true }) };
