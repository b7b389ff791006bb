// Whether the changes of a connection are replicated.

import { connectionIds, forEachOf } from "../connections.js";
import { done, type Verb } from "../verb.js";

/** The end of what is being sent is waited for. */
const SWITCH_MS = 40_000;

const start: Verb = {
  words: ["REPLication", "START"],
  form: "<connection>|* [NOMIRROR]",
  summary: "Replicates again, and mirrors what changed meanwhile. NOMIRROR leaves that to MIRROR START: until then the target is no copy.",
  parse(reader) {
    const chosen = reader.connectionOrAll();
    const mirror = !reader.has("NOMIRROR");
    return async (session) => {
      const answers = await forEachOf(
        await connectionIds(session, chosen),
        (id) => id,
        (id) => session.port.call("replication.start", { id, mirror }, { deadlineMs: SWITCH_MS }),
      );
      return done([], { connections: answers });
    };
  },
};

const stop: Verb = {
  words: ["REPLication", "STOP"],
  form: "<connection>|*",
  summary: "What changes from now on is neither queued nor sent; what happened before is. Mirrors go on.",
  parse(reader) {
    const chosen = reader.connectionOrAll();
    return async (session) => {
      const answers = await forEachOf(
        await connectionIds(session, chosen),
        (id) => id,
        (id) => session.port.call("replication.stop", { id }, { deadlineMs: SWITCH_MS }),
      );
      return done([], { connections: answers });
    };
  },
};

export const REPLICATION_VERBS: readonly Verb[] = [start, stop];
