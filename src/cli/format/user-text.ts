import { isTokenOver, type UserReport } from "../../model/user.js";
import { formatTime } from "./quantities.js";
import { formatTable } from "./table.js";

export function formatUserList(users: readonly UserReport[], nowMs: number): string {
  if (users.length === 0) return "no users: the API is for this machine only; `sm user create NAME --role monitor|admin` makes one";
  return formatTable(users, [
    { header: "USER", cell: ({ name }) => name },
    { header: "ROLE", cell: ({ role }) => role },
    { header: "CERTIFICATE", cell: ({ fingerprint }) => fingerprint?.slice(0, 16) ?? "none" },
    { header: "CREATED", cell: ({ createdAt }) => formatTime(createdAt).slice(0, 10) },
    { header: "TOKEN OF", cell: ({ tokenAt }) => formatTime(tokenAt).slice(0, 10) },
    {
      header: "ENDS",
      cell: ({ tokenUntil }) => (tokenUntil === null ? "never" : `${formatTime(tokenUntil)}${isTokenOver({ tokenUntil }, nowMs) ? " (over)" : ""}`),
    },
  ]);
}

/** For people, beside the token on standard output. */
export function tokenNote({ name, tokenUntil }: UserReport, serverFingerprint: string): string {
  return [
    `This is the token of ${name}: a secret that is not shown again. Keep it in a file that only the user reads.`,
    ...(tokenUntil === null ? [] : [`It is good until ${formatTime(tokenUntil)}.`]),
    `The certificate of this agent has the sha256 fingerprint ${serverFingerprint}.`,
  ].join("\n");
}
