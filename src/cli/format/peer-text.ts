import type { PeerReport } from "../../model/control-port.js";
import { formatTime } from "./quantities.js";
import { formatTable } from "./table.js";

export function formatPeerAddresses({ addresses }: PeerReport): string {
  return addresses.map(({ host, port }) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`)).join(" ");
}

export function formatPeerList(peers: readonly PeerReport[]): string {
  if (peers.length === 0) return "no peers; pair with `sm peer bootstrap create` on the target and `sm peer bootstrap import -` on the source";
  return formatTable(peers, [
    { header: "PEER", cell: ({ name }) => name },
    { header: "ADDRESSES", cell: formatPeerAddresses },
    { header: "REACHABLE", cell: ({ reachable }) => (reachable === null ? "unknown" : reachable ? "yes" : "no") },
    { header: "FINGERPRINT", cell: ({ fingerprint }) => fingerprint.slice(0, 16) },
    { header: "ADDED", cell: ({ addedAt }) => formatTime(addedAt).slice(0, 10) },
  ]);
}
