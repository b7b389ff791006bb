// Making, showing and ending connections.

import { SmError } from "../../base/errors.js";
import { COMPRESSIONS, type Compression } from "../../model/compression.js";
import type { Mapping } from "../../model/connection-spec.js";
import { SIMULATION_TARGET, SIMULATION_WORDS } from "../../model/simulation.js";
import type { ArgumentReader, Operand } from "../argument-reader.js";
import { connectionIds, connectionsTo, forEachOf } from "../connections.js";
import { resolveTarget } from "../machines.js";
import { statusLines } from "../status-block.js";
import { integerValue } from "../value.js";
import { type Action, done, type Verb } from "../verb.js";
import { saved } from "./repset-verbs.js";

/** Connecting and disconnecting ask the peer over the network. */
const NETWORK_MS = 130_000;
const LABEL_WIDTH = 34;

type MapInput = { kind: "exact" } | { kind: "base"; directory: string } | { kind: "pairs"; pairs: Mapping[] };

/** `EXACT`, `BASE <directory>`, or pairs, behind MAP. */
function parseMap(reader: ArgumentReader): Operand<MapInput> {
  if (reader.has("EXACT")) return () => ({ kind: "exact" });
  if (reader.has("BASE")) {
    const directory = reader.text("a directory of the target");
    return (session) => ({ kind: "base", directory: directory(session) });
  }
  const pairs: { readonly source: Operand<string>; readonly target: Operand<string> }[] = [];
  do {
    const source = reader.text("a path of the source");
    reader.need("TO");
    pairs.push({ source, target: reader.text("a path of the target") });
  } while (reader.hasSymbol(",") || reader.has("MAP"));
  return (session) => ({ kind: "pairs", pairs: pairs.map(({ source, target }) => ({ source: source(session), target: target(session) })) });
}

interface ConnectOptions {
  mirror?: "full" | "difference" | "none";
  replicate?: boolean;
  compression?: Compression;
}

const CONNECT_FLAGS = ["MAP", "MIRROR", "NOMIRROR", "NOREPLICATE", "COMPRESSION"] as const;

function parseConnect(reader: ArgumentReader): { readonly map: Operand<MapInput> | undefined; readonly options: ConnectOptions } {
  let map: Operand<MapInput> | undefined;
  const options: ConnectOptions = {};
  const once = (isGiven: boolean, what: string): void => (isGiven ? reader.fail(`${what} is given twice`) : undefined);
  while (!reader.isDone) {
    const flag = reader.need(...CONNECT_FLAGS);
    if (flag === "MAP") {
      once(map !== undefined, "MAP");
      map = parseMap(reader);
    } else if (flag === "COMPRESSION") {
      once(options.compression !== undefined, "COMPRESSION");
      options.compression = reader.need("OFF", "LZ4", "BROTLI").toLowerCase() as Compression;
    } else if (flag === "NOREPLICATE") {
      once(options.replicate !== undefined, "NOREPLICATE");
      options.replicate = false;
    } else {
      once(options.mirror !== undefined, "MIRROR or NOMIRROR");
      options.mirror = flag === "NOMIRROR" ? "none" : reader.need("FULL", "DIFFerent") === "FULL" ? "full" : "difference";
    }
  }
  return { map, options };
}

/** A connection that only counts. What is documented for it and means nothing here is said, or refused. */
function parseSimulation(reader: ArgumentReader, repset: Operand<string>): Action {
  if (!reader.isDone && !CONNECT_FLAGS.some((flag) => reader.isAt(flag))) {
    throw new SmError(
      "SCRIPT_NO_COUNTERPART",
      "the figures of a simulation have their place in the log directory (`sm tdu report`): leave the name of a file out",
    );
  }
  const { map, options } = parseConnect(reader);
  return async (session) => {
    session.requireSource();
    const input = { repset: saved(session, repset), target: SIMULATION_TARGET, map: { kind: "none" as const }, options };
    const { connection } = await session.port.call("connection.connect", input, { deadlineMs: NETWORK_MS });
    const note = map === undefined ? SIMULATION_WORDS : `${SIMULATION_WORDS}; what stands behind MAP is not used`;
    return { value: integerValue(connection.id), note, answer: { connection } };
  };
}

const connect: Verb = {
  words: ["CONNECT"],
  form: '<repset> TO <target>|TDU MAP EXACT|BASE "<dir>"|"<source path>" TO "<target path>"[, …] [MIRROR FULL|DIFFerent | NOMIRROR] [NOREPLICATE] [COMPRESSION OFF|LZ4|BROTLI]',
  summary:
    "Connects a replication set: mirrors it, and replicates from then on. TDU: only counts, stores nothing, and needs no MAP. Its value is the number of the connection.",
  parse(reader) {
    const repset = reader.text("the name of a replication set");
    reader.need("TO");
    if (reader.has("TDU")) return parseSimulation(reader, repset);
    const machine = reader.text("a machine");
    const { map, options } = parseConnect(reader);
    if (map === undefined) return reader.fail("the command does not say where on the target the copy is to be: add MAP");
    return async (session) => {
      session.requireSource();
      const input = { repset: saved(session, repset), target: await resolveTarget(session, machine(session)), map: map(session), options };
      const { connection } = await session.port.call("connection.connect", input, { deadlineMs: NETWORK_MS });
      return { value: integerValue(connection.id), answer: { connection } };
    };
  },
};

const disconnect: Verb = {
  words: ["DISCONnect"],
  form: "<connection>|*",
  summary: "Ends a connection, or all, for good. The copy on the target stays.",
  parse(reader) {
    const chosen = reader.connectionOrAll();
    return async (session) => {
      const ids = await connectionIds(session, chosen);
      const answers = await forEachOf(
        ids,
        (id) => id,
        (id) => session.port.call("connection.disconnect", { id }, { deadlineMs: NETWORK_MS }),
      );
      return done([], { disconnected: answers });
    };
  },
};

const status: Verb = {
  words: ["STATus", "CONnection"],
  form: "<connection>",
  summary: "The figures of a connection, and why it is not fine where it is not.",
  parse(reader) {
    const id = reader.connection();
    return async (session) => {
      session.requireSource();
      const { connection } = await session.port.call("connection.show", { id: id(session) });
      return done(statusLines(connection), { connection });
    };
  },
};

const list: Verb = {
  words: ["STATus"],
  form: "",
  summary: "All connections of this source.",
  parse: () => async (session) => {
    session.requireSource();
    const { connections } = await session.port.call("connection.list", {});
    const rows = connections.map(({ id, repset, target, targetDataState }) => `${`${id}  ${repset} to ${target}`.padEnd(LABEL_WIDTH - 1)} ${targetDataState}`);
    return done(["- Connections -", ...rows], { connections });
  },
};

/** The levels in their order, so that a number means one, too. */
function parseLevel(reader: ArgumentReader): Compression {
  const levels = COMPRESSIONS.filter((level) => level !== "off");
  const word = reader.literal("LZ4 or 1, BROTLI or 2").toLowerCase();
  return levels.find((level, index) => level === word || String(index + 1) === word) ?? reader.fail(`there is no level ${JSON.stringify(word.slice(0, 100))}`);
}

const compression: Verb = {
  words: ["COMPRESSION"],
  form: "ENABLE LEVEL LZ4|BROTLI|1|2 TO <target>  |  DISABLE TO <target>",
  summary: "Sets the compression of all connections to a target, at once and for good.",
  parse(reader) {
    let level: Compression = "off";
    if (reader.need("ENABLE", "DISABLE") === "ENABLE") {
      reader.need("LEVEL");
      level = parseLevel(reader);
    }
    reader.need("TO");
    const machine = reader.text("a machine");
    return async (session) => {
      const connections = await connectionsTo(session, machine);
      const answers = await forEachOf(
        connections,
        ({ id }) => id,
        ({ id }) => session.port.call("connection.set", { id, options: { compression: level } }),
      );
      return done([], { connections: answers });
    };
  },
};

export const CONNECTION_VERBS: readonly Verb[] = [connect, disconnect, status, list, compression];
