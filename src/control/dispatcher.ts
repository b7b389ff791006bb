// From a caller, a command name and raw input to a result: the part of a face that is the same for all faces.
// Invariants: a role never reaches a command above it; a handler never sees input that its schema refuses;
// the caller has an answer within the command's deadline.

import type { z } from "zod";
import { SmError } from "../base/errors.js";
import type { Log } from "../base/log.js";
import { shortened } from "../base/one-line.js";
import type { AgentControl } from "../model/control-port.js";
import type { ApiFieldError } from "./api.js";
import { audited } from "./audited.js";
import { type Caller, mayCall } from "./caller.js";
import type { AnyCommand } from "./command.js";
import { COMMANDS, findCommand } from "./command-table.js";

export interface DispatchRequest {
  readonly caller: Caller;
  readonly name: string;
  readonly input: unknown;
}

/** Fields named in one error message; `data.fields` holds up to ten times as many. */
const FIELDS_SHOWN_MAX = 20;
const FIELDS_MAX = 200;
const PATH_CHARS_MAX = 200;

export function lookUpCommand(name: string): AnyCommand {
  const command = findCommand(name);
  if (command === undefined) throw new SmError("COMMAND_UNKNOWN", `there is no command ${JSON.stringify(name.slice(0, 100))}`);
  return command;
}

export async function dispatch(agent: AgentControl, request: DispatchRequest, log: Log): Promise<unknown> {
  const command = lookUpCommand(request.name);
  return audited(agent.audit, { command, caller: request.caller, input: request.input }, () => carryOut(agent, command, request, log));
}

async function carryOut(agent: AgentControl, command: AnyCommand, request: DispatchRequest, log: Log): Promise<unknown> {
  const { caller } = request;
  if (!mayCall(caller.role, command.role)) {
    throw new SmError("REFUSED", `${command.name} needs the role ${command.role}; ${caller.name} at ${caller.from} has the role ${caller.role}`, {
      data: { command: command.name },
    });
  }
  const input = command.input.safeParse(request.input);
  if (!input.success) throw invalidInput(command.name, input.error);
  const { result, deadlineMs } = command.run(agent, input.data, { log, caller, commands: COMMANDS });
  const output = command.output.safeParse(await withDeadline(result, deadlineMs, command.name));
  if (!output.success) {
    throw new SmError("ASSERTION_FAILED", `${command.name} gave an answer that its schema refuses: ${fieldErrors(output.error).map(fieldText).join("; ")}`);
  }
  return output.data;
}

function invalidInput(name: string, error: z.ZodError): SmError {
  const fields = fieldErrors(error);
  const more = fields.length > FIELDS_SHOWN_MAX ? `; and ${fields.length - FIELDS_SHOWN_MAX} more` : "";
  const text = fields.slice(0, FIELDS_SHOWN_MAX).map(fieldText).join("; ");
  return new SmError("USAGE", `${name}: ${text}${more}`, { data: { command: name, fields } });
}

function fieldErrors(error: z.ZodError): ApiFieldError[] {
  const fields = error.issues.slice(0, FIELDS_MAX).flatMap((issue): ApiFieldError[] => {
    if (issue.code !== "unrecognized_keys") return [{ path: pathText(issue.path), message: issue.message }];
    return issue.keys.slice(0, FIELDS_MAX).map((key) => ({ path: pathText([...issue.path, key]), message: "no such field" }));
  });
  return fields.slice(0, FIELDS_MAX);
}

/** Whoever sends it decides how long it is. */
function pathText(path: readonly PropertyKey[]): string {
  return shortened(path.map(String).join("."), PATH_CHARS_MAX);
}

function fieldText(field: ApiFieldError): string {
  return field.path === "" ? field.message : `${field.path}: ${field.message}`;
}

async function withDeadline(work: Promise<unknown>, deadlineMs: number, name: string): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new SmError("TIMEOUT", `${name} did not end within ${Math.round(deadlineMs / 1000)} s`)), deadlineMs);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}
