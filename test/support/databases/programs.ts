// Where the programs of Debian's database packages are; servers are not in everybody's PATH.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseKind } from "./database.js";

const POSTGRESQL = "/usr/lib/postgresql";

/** Those of the highest installed version. */
function postgresqlFolders(): string[] {
  if (!existsSync(POSTGRESQL)) return [];
  const versions = readdirSync(POSTGRESQL).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(POSTGRESQL, version, "bin"));
}

function findProgram(name: string): string | undefined {
  const path = (process.env.PATH ?? "").split(":").filter((folder) => folder !== "");
  return [...postgresqlFolders(), "/usr/sbin", "/usr/bin", "/sbin", "/bin", ...path].map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** The path of a program; throws when it is not installed. */
export function program(name: string): string {
  const found = findProgram(name);
  if (found === undefined) throw new Error(`${name} is not installed`);
  return found;
}

/** What has to be installed for this database, or null. */
export function missingPackages(kind: DatabaseKind): string | null {
  const missing = Object.entries(kind.programs).filter(([name]) => findProgram(name) === undefined);
  if (missing.length === 0) return null;
  return `apt-get install ${[...new Set(missing.map(([, name]) => name))].join(" ")} (no ${missing.map(([name]) => name).join(", ")})`;
}
