import * as Flags from "@oclif/core/flags";

/** Of each kind. */
export const NAMES_SHOWN = 20;

export const namesFlag = Flags.integer({ description: `with --dry-run: so many names of each kind are shown (${NAMES_SHOWN})`, min: 0, max: 1000 });
