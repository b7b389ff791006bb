// Makes `npx sm` run this checkout: npx looks in node_modules/.bin, and npm links there the programs of dependencies only.
// Without the link npx would ask the registry for a package that happens to be called sm. Run by `prepare`.

import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = new URL("../node_modules/.bin/", import.meta.url);
const link = fileURLToPath(new URL("sm", folder));
mkdirSync(folder, { recursive: true });
rmSync(link, { force: true });
symlinkSync("../../bin/sm", link);
