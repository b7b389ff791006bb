// The Unix groups that stand for the roles, as a group file (group(5)) has them.

/** The role of a socket, and its group. */
export const ROLE_GROUPS: Readonly<Record<"admin" | "monitor", string>> = { admin: "smadmin", monitor: "smmon" };

/** The id of a group in the text of a group file, or undefined. */
export function groupIdFrom(groupFile: string, name: string): number | undefined {
  for (const line of groupFile.split("\n")) {
    const [group, , id] = line.split(":");
    if (group === name && id !== undefined && /^\d+$/.test(id)) return Number(id);
  }
  return undefined;
}
