/** What the agent knows by name or number; and the servers that this account has stored. */
export const VALUE_KINDS = ["sets", "connections", "peers", "jobs", "servers"] as const;

export type ValueKind = (typeof VALUE_KINDS)[number];
