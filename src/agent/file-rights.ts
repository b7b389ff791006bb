// The files of an agent before it starts: whether other accounts may read its secrets or write what it obeys. What is unsafe
// refuses the start, with the command that puts it right: an agent that went on would act for whoever wrote there.
// Not judged: the directories above, and access control lists that the mode does not show.

import { lstatSync, readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { isReadableByAll, orderFault, secretFault } from "../base/file-rights.js";
import { CONNECTION_DIRECTORY } from "../config/check-files.js";
import type { Config } from "../config/config.js";
import { CONFIG_FILE } from "../config/load-config.js";
import { REPSET_DIRECTORY } from "../config/repset-store.js";

export type JudgedDirectories = Pick<Config, "configDir" | "stateDir" | "runtimeDir" | "logDir">;

/** That of the peers, and what a rotation of it has beside it. */
const IDENTITY_DIRECTORIES = ["identity", "identity.next", "identity.old"];

/** Throws IDENTITY_UNSAFE or FILE_UNSAFE; returns what is unwise, a sentence each. */
export function checkFileRights(directories: JudgedDirectories, own = process.geteuid?.() ?? 0): readonly string[] {
  checkSecrets(directories.stateDir, own);
  refuse(orderFault, directories.runtimeDir, statOf(directories.runtimeDir), own);
  const orders = checkOrderRights(directories.configDir, own);
  return [...readable(orders), ...unsafeLog(directories.logDir, own)];
}

/** What says what the agent does, each time before it is read: throws FILE_UNSAFE. Returns its paths. */
export function checkOrderRights(configDir: string, own = process.geteuid?.() ?? 0): readonly string[] {
  const orders = orderFiles(configDir);
  for (const path of [configDir, ...orders]) refuse(orderFault, path, statOf(path), own);
  return orders;
}

/** The state directory may be reached through a link, as a volume is; nothing in it may be one but what leads to a directory. */
function checkSecrets(stateDir: string, own: number): void {
  refuse(secretFault, stateDir, statOf(stateDir), own);
  const identities = IDENTITY_DIRECTORIES.map((name) => join(stateDir, name));
  for (const identity of identities) refuse(secretFault, identity, lstatSync(identity, { throwIfNoEntry: false }), own);
  for (const directory of [stateDir, ...identities]) {
    for (const path of entriesOf(directory)) {
      const facts = lstatSync(path, { throwIfNoEntry: false });
      const leadsToDirectory = facts?.isSymbolicLink() === true && statOf(path)?.isDirectory() === true;
      if (facts?.isDirectory() !== true && !leadsToDirectory) refuse(secretFault, path, facts, own);
    }
  }
}

function orderFiles(configDir: string): readonly string[] {
  const directories = [REPSET_DIRECTORY, CONNECTION_DIRECTORY].map((name) => join(configDir, name));
  const files = directories.flatMap((directory) => entriesOf(directory)).filter((path) => statOf(path)?.isFile() === true);
  return [join(configDir, CONFIG_FILE), ...directories, ...files].filter((path) => statOf(path) !== undefined);
}

function readable(paths: readonly string[]): string[] {
  const found = paths.filter((path) => {
    const facts = statOf(path);
    return facts?.isFile() === true && isReadableByAll(facts);
  });
  if (found.length === 0) return [];
  return [`every account may read what is replicated where, in ${found[0]}${found.length === 1 ? "" : ` and ${found.length - 1} more`}: chmod o-r hides it`];
}

/** A log that others may write is still a log; what it proves is less. */
function unsafeLog(logDir: string, own: number): string[] {
  const facts = statOf(logDir);
  const fault = facts === undefined ? undefined : orderFault(logDir, facts, own);
  return fault === undefined ? [] : [`other accounts may change the logs, the audit log too: ${fault.message}`];
}

function refuse(judge: typeof secretFault, path: string, facts: Stats | undefined, own: number): void {
  const fault = facts === undefined ? undefined : judge(path, facts, own);
  if (fault !== undefined) throw fault;
}

function entriesOf(directory: string): readonly string[] {
  const isThere = statOf(directory)?.isDirectory() === true;
  return isThere ? readdirSync(directory).map((name) => join(directory, name)) : [];
}

/** Undefined when there is nothing, or a link that leads nowhere. */
function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
