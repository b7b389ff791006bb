import type { ServerReport } from "../servers/server-entry.js";
import { formatTable } from "./table.js";

export function formatServerList(servers: readonly ServerReport[]): string {
  if (servers.length === 0) return "no servers; add one with `sm server add NAME --address HOST:PORT`";
  return formatTable(servers, [
    { header: "SERVER", cell: ({ name }) => name },
    { header: "ADDRESS", cell: ({ address }) => address },
    { header: "USER", cell: ({ user }) => user },
    { header: "DEFAULT", cell: ({ isDefault }) => (isDefault ? "yes" : "") },
  ]);
}

export function formatServer({ name, address, fingerprint, user, isDefault }: ServerReport): string {
  return [`server       ${name}${isDefault ? " (default)" : ""}`, `address      ${address}`, `user         ${user}`, `fingerprint  ${fingerprint}`].join("\n");
}
