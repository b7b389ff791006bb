// The completion of a shell: what walks the line (share/completion), with the tables that are made from the definitions.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Catalog } from "../catalog/catalog.js";
import { bashTables } from "./bash-tables.js";
import { type CompletionPlace, completionTable } from "./completion-table.js";
import { fishTables } from "./fish-tables.js";
import type { Shell } from "./shells.js";
import { zshTables } from "./zsh-tables.js";

const TABLES: Readonly<Record<Shell, (places: readonly CompletionPlace[]) => string>> = { bash: bashTables, zsh: zshTables, fish: fishTables };
const PLACE_OF_TABLES = "@TABLES@";

/** `root`: of the program. */
export function completionScript(shell: Shell, catalog: Catalog, root: string): string {
  const walk = readFileSync(join(root, "share", "completion", `sm.${shell}`), "utf8");
  return walk.replace(PLACE_OF_TABLES, () => TABLES[shell](completionTable(catalog)));
}
