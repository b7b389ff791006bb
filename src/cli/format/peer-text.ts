import type { IdentityReport, KeyRotated, KeyRotationReport, PeerReport } from "../../model/control-port.js";
import { formatTime } from "./quantities.js";
import { type Column, formatTable, LINE_WIDTH } from "./table.js";

const NO_PEERS = "no peers; pair with `sm peer bootstrap create` on the target and `sm peer bootstrap import -` on the source";

const COLUMNS: readonly Column<PeerReport>[] = [
  { header: "PEER", cell: ({ name }) => name },
  { header: "ADDRESSES", yields: 1, cell: (peer) => formatPeerAddresses(peer) },
  { header: "REACHABLE", cell: ({ reachable }) => (reachable === null ? "unknown" : reachable ? "yes" : "no") },
  { header: "FINGERPRINT", cell: ({ fingerprint }) => fingerprint.slice(0, 16) },
  { header: "SINCE", cell: ({ addedAt }) => formatTime(addedAt).slice(0, 10) },
];

export function formatPeerAddresses({ addresses }: PeerReport): string {
  return addresses.map(({ host, port }) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`)).join(" ");
}

const EXPIRY_NOTICE_MS = 90 * 86_400_000;

export function formatPeerList(peers: readonly PeerReport[], identity: IdentityReport, nowMs: number, lineWidth = LINE_WIDTH): string {
  return `${peers.length === 0 ? NO_PEERS : formatTable(peers, COLUMNS, lineWidth)}\n\n${formatIdentity(identity, nowMs)}`;
}

function formatIdentity({ fingerprint, validFrom, validTo, rotation }: IdentityReport, nowMs: number): string {
  const dates = `   since ${formatTime(validFrom).slice(0, 10)}, good until ${formatTime(validTo).slice(0, 10)}`;
  const isOld = Date.parse(validTo) - nowMs < EXPIRY_NOTICE_MS;
  const notice = "\n   ! past its time or nearly; peers pin it, not its dates: nothing ends then";
  return [`this agent: ${fingerprint}`, `${dates}${isOld ? notice : ""}`, ...(rotation === null ? [] : formatRotation(rotation))].join("\n");
}

function formatRotation({ fingerprint, until, waiting }: KeyRotationReport): string[] {
  const names = waiting.map(({ name, why }) => `   ! waits for ${name}${why === null ? "" : `: ${why}`}`);
  return [`its next key: ${fingerprint}`, `   the old one is kept until ${formatTime(until)} at the latest`, ...names];
}

export function formatKeyRotated({ fingerprint, rotation, pairAnew }: KeyRotated): string {
  const clients = `programs and \`sm server\` entries that know this agent by its certificate need the new one: ${fingerprint}`;
  const anew = pairAnew.map((name) => `   ! ${name} was not told: \`sm peer remove\` this agent there, and pair the two anew`);
  if (rotation === null) return ["the key was rotated, and the old one is refused from now on", ...anew, clients].join("\n");
  return ["the new key is announced, and takes the place of the old one when all peers have confirmed it", ...formatRotation(rotation), clients].join("\n");
}

export function formatPeerRemoved({ removed, closedChannels }: { readonly removed: string; readonly closedChannels: number }): string {
  const closed = closedChannels === 0 ? "it had no link open" : `${closedChannels} open link${closedChannels === 1 ? " was" : "s were"} closed`;
  return `removed ${removed}: ${closed}, and it is refused from now on`;
}
