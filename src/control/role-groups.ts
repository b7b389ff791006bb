// Which Unix group stands for which role. Read from the group file itself: the lookup needs no child process,
// and groups of directory services are given to their local counterpart by the administrator.

import { readFile } from "node:fs/promises";
import { SmError } from "../base/errors.js";
import { groupIdFrom, ROLE_GROUPS } from "../model/group-file.js";
import type { Role } from "./caller.js";

/** The roles that a socket carries. */
export type SocketRole = Exclude<Role, "none">;

export async function readRoleGroupIds(groupFile: string): Promise<Readonly<Record<SocketRole, number | undefined>>> {
  let text: string;
  try {
    text = await readFile(groupFile, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { admin: undefined, monitor: undefined };
    throw new SmError("FS_IO", `cannot read ${groupFile}: ${(error as Error).message}`, { cause: error });
  }
  return { admin: groupIdFrom(text, ROLE_GROUPS.admin), monitor: groupIdFrom(text, ROLE_GROUPS.monitor) };
}
