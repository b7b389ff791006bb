import type { PeerReport } from "../../model/control-port.js";
import { formatTime } from "./quantities.js";
import { type Column, formatTable, LINE_WIDTH } from "./table.js";

export function formatPeerAddresses({ addresses }: PeerReport): string {
  return addresses.map(({ host, port }) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`)).join(" ");
}

export function formatPeerList(peers: readonly PeerReport[], lineWidth = LINE_WIDTH): string {
  if (peers.length === 0) return "no peers; pair with `sm peer bootstrap create` on the target and `sm peer bootstrap import -` on the source";
  const columns: readonly Column<PeerReport>[] = [
    { header: "PEER", cell: ({ name }) => name },
    { header: "ADDRESSES", yields: 1, cell: formatPeerAddresses },
    { header: "REACHABLE", cell: ({ reachable }) => (reachable === null ? "unknown" : reachable ? "yes" : "no") },
    { header: "FINGERPRINT", cell: ({ fingerprint }) => (lineWidth < fingerprint.length ? fingerprint.slice(0, 16) : fingerprint) },
    { header: "ADDED", cell: ({ addedAt }) => formatTime(addedAt).slice(0, 10) },
  ];
  return formatTable(peers, columns, lineWidth);
}
