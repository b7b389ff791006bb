// Connections by number, or all to a target: what several commands of the language are about.

import { SmError } from "../base/errors.js";
import type { ConnectionReport } from "../model/status.js";
import type { Operand } from "./argument-reader.js";
import { resolveTarget } from "./machines.js";
import type { ScriptSession } from "./session.js";

/** The numbers of all connections of this source, or the one given. */
export async function connectionIds(session: ScriptSession, chosen: Operand<number> | undefined): Promise<readonly number[]> {
  session.requireSource();
  if (chosen !== undefined) return [chosen(session)];
  const { connections } = await session.port.call("connection.list", {});
  return connections.map(({ id }) => id);
}

/** All connections to a machine; NOT_FOUND when there is none: a setting must never be lost silently. */
export async function connectionsTo(session: ScriptSession, machine: Operand<string>): Promise<readonly ConnectionReport[]> {
  session.requireSource();
  const target = await resolveTarget(session, machine(session));
  const { connections } = await session.port.call("connection.list", {});
  const found = connections.filter((connection) => connection.target === target);
  if (found.length === 0) throw new SmError("NOT_FOUND", `no connection leads to ${target}: connect a replication set to it first`);
  return found;
}

/** One connection after the other: what failed first is told, with how far it came. */
export async function forEachOf<Item>(items: readonly Item[], name: (item: Item) => number, act: (item: Item) => Promise<unknown>): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const item of items) {
    try {
      answers.push(await act(item));
    } catch (error) {
      if (!(error instanceof SmError) || items.length === 1) throw error;
      const message = `connection ${name(item)}: ${error.message} (${answers.length} of ${items.length} connections are done)`;
      throw new SmError(error.code, message, { cause: error, data: error.data });
    }
  }
  return answers;
}
