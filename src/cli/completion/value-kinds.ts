/** What the agent knows by name or number. */
export const VALUE_KINDS = ["sets", "connections", "peers", "jobs"] as const;

export type ValueKind = (typeof VALUE_KINDS)[number];
