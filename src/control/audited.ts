// A command and its entry in the audit log, which is written before its caller has the answer.
// Invariants: every command of the role admin has one, carried out, failed or refused; one that only reads has none, unless its
// caller may not even read. What the command keeps secret is in no entry.

import type { z } from "zod";
import { toSmError } from "../base/errors.js";
import type { AuditControl } from "../model/audit.js";
import { type Caller, mayCall } from "./caller.js";
import type { AnyCommand } from "./command.js";

export interface AuditedCall {
  readonly command: AnyCommand;
  readonly caller: Caller;
  /** As it came. */
  readonly input: unknown;
}

const REMOVED = "(secret)";
/** A longer input is told by its length: whoever sends it decides how much it is. */
const INPUT_CHARS_MAX = 16_384;

export async function audited<T>(audit: AuditControl, call: AuditedCall, carryOut: () => Promise<T>): Promise<T> {
  const { command, caller } = call;
  const isAllowed = mayCall(caller.role, command.role);
  if (isAllowed && command.role !== "admin") return carryOut();
  const at = new Date().toISOString();
  const startMs = performance.now();
  let result = "ok";
  try {
    return await carryOut();
  } catch (error) {
    result = toSmError(error).code;
    throw error;
  } finally {
    const { name: who, uid = null, pid = null, from, role } = caller;
    // What somebody sends who may not even ask is not worth the room.
    const input = isAllowed ? inputToKeep(command, call.input) : null;
    await audit.write({ at, who, uid, pid, from, role, command: command.name, input, result, durationMs: Math.round(performance.now() - startMs), leftOut: 0 });
  }
}

/** What the command takes, without its secrets; null when it does not take it: what it is called in there is not known then. */
export function inputToKeep(command: AnyCommand, input: unknown): unknown {
  const parsed: z.ZodSafeParseResult<unknown> = command.input.safeParse(input);
  if (!parsed.success) return null;
  const kept = withoutSecrets(parsed.data, command.secrets);
  const chars = JSON.stringify(kept)?.length ?? 0;
  return chars <= INPUT_CHARS_MAX ? kept : { tooLong: chars };
}

function withoutSecrets(value: unknown, secrets: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, secrets));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, secrets.includes(key) ? REMOVED : withoutSecrets(inner, secrets)]));
}
