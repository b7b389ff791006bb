// One control verb: what it is called, who may use it, what it takes and gives, and what it asks of the agent.
// The faces (HTTP API, command language, CLI) are made from these definitions and hold no logic of their own.

import type { z } from "zod";
import type { Log } from "../base/log.js";
import type { AgentControl } from "../model/control-port.js";
import type { Caller, Role } from "./caller.js";

export interface CommandContext {
  readonly log: Log;
  readonly caller: Caller;
  /** All commands that there are. */
  readonly commands: readonly AnyCommand[];
}

export interface CommandDefinition<Name extends string, Input extends z.ZodType, Output extends z.ZodType> {
  readonly name: Name;
  /** The least role that may call it. Commands of another role than admin only read, so GET works for them. */
  readonly role: Role;
  readonly summary: string;
  readonly input: Input;
  readonly output: Output;
  /** The caller gets TIMEOUT after this long, whatever the agent does. */
  deadlineMs(input: z.output<Input>): number;
  /** Fields of the input, at any depth, that are never written down. */
  readonly secrets?: readonly string[];
  /** It only waits for news: a stopping server ends it at once. */
  readonly isWait?: boolean;
  handler(agent: AgentControl, input: z.output<Input>, context: CommandContext): Promise<z.output<Output>>;
}

/** A definition whose types are no longer known: what a face handles. */
export interface AnyCommand {
  readonly name: string;
  readonly role: Role;
  readonly summary: string;
  readonly input: z.ZodType;
  readonly output: z.ZodType;
  readonly isWait: boolean;
  readonly secrets: readonly string[];
  run(agent: AgentControl, input: unknown, context: CommandContext): { readonly result: Promise<unknown>; readonly deadlineMs: number };
}

/** The definition with its types kept for `ApiCommands`, plus the untyped entry that a face calls with validated input. */
export interface Command<Name extends string, Input extends z.ZodType, Output extends z.ZodType> extends AnyCommand {
  readonly name: Name;
  readonly input: Input;
  readonly output: Output;
}

/** For what the agent answers from memory or with a few file operations. */
export const QUICK_MS = 30_000;
/** Room for the answer of a command that waits as long as its caller asked. */
export const WAIT_GRACE_MS = 10_000;

export function defineCommand<const Name extends string, Input extends z.ZodType, Output extends z.ZodType>(
  definition: CommandDefinition<Name, Input, Output>,
): Command<Name, Input, Output> {
  const { name, role, summary, input, output } = definition;
  return {
    name,
    role,
    summary,
    input,
    output,
    isWait: definition.isWait ?? false,
    secrets: definition.secrets ?? [],
    run(agent, rawInput, context) {
      const value = rawInput as z.output<Input>;
      return { result: definition.handler(agent, value, context), deadlineMs: definition.deadlineMs(value) };
    },
  };
}

export const quick = (): number => QUICK_MS;
