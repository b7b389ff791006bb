// The groups whose members may use an agent of root.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { SmError } from "../../base/errors.js";
import { groupIdFrom, ROLE_GROUPS } from "../../model/group-file.js";

/** Those that the group file does not have. An agent of an ordinary account needs none: its sockets are its own. */
export function missingRoleGroups(groupFile = "/etc/group", isRoot = process.geteuid?.() === 0): readonly string[] {
  if (!isRoot) return [];
  const text = existsSync(groupFile) ? readFileSync(groupFile, "utf8") : "";
  return Object.values(ROLE_GROUPS).filter((group) => groupIdFrom(text, group) === undefined);
}

export function groupCommand(groups: readonly string[]): string {
  return groups.map((group) => `groupadd --system ${group}`).join(" && ");
}

export function makeGroups(groups: readonly string[], env: Readonly<Record<string, string | undefined>>): void {
  for (const group of groups) {
    const { status, stderr, error } = spawnSync("groupadd", ["--system", group], { env, encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
    if (status === 0) continue;
    const why = error?.message ?? stderr.trim();
    throw new SmError("FS_IO", `cannot make the group ${group}: groupadd: ${why}; nothing was written, and without --groups the rest can be set up`);
  }
}
