// What a client of the control API sees: names, inputs and outputs of the commands, and the form of an error.
// Types only: a client takes nothing of the agent's code with it.

import type { z } from "zod";
import type { COMMANDS } from "./command-table.js";

type TableEntry = (typeof COMMANDS)[number];

export type CommandName = TableEntry["name"];

export type ApiCommands = {
  readonly [Entry in TableEntry as Entry["name"]]: {
    readonly input: z.input<Entry["input"]>;
    readonly output: z.output<Entry["output"]>;
  };
};

/** The body of every answer that is not 2xx. */
export interface ApiErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
}

/** One field that a validation error names. */
export interface ApiFieldError {
  readonly path: string;
  readonly message: string;
}
