// What a connection says of itself when it greets its target.

import type { SourceConnection } from "../connection/source-connection.js";
import type { Greeting } from "../model/channel-port.js";
import { machineIdentity } from "./machine.js";
import type { RepsetSource } from "./repset-source.js";

export function greetingOf({ record }: SourceConnection, source: RepsetSource, { origins, version }: Pick<Greeting, "origins" | "version">): Greeting {
  return {
    connectionKey: record.key,
    connectionId: record.id,
    repset: record.repset,
    generation: source.repset.generation,
    rules: [...source.repset.rules],
    mappings: [...record.mappings],
    epoch: source.journal.stats().epoch,
    remapLinks: record.options.remapLinks,
    durability: record.options.durability,
    sourceTimeMs: Date.now(),
    machine: machineIdentity(),
    origins,
    version,
    ...(record.restore?.state === "discarded" ? { discardsRestore: true as const } : {}),
  };
}
