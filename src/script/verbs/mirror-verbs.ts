// Mirrors of a connection.

import { SmError } from "../../base/errors.js";
import { contradictionIn, type MirrorContent, type MirrorWish } from "../../model/mirror-wish.js";
import type { ArgumentReader, Operand } from "../argument-reader.js";
import { connectionIds, forEachOf } from "../connections.js";
import { done, type Verb } from "../verb.js";

interface Wish {
  mode: "full" | "difference";
  content: MirrorContent;
  newerOnly: boolean;
  missingOnly: boolean;
  skipsEmpty: boolean;
  readonly paths: Operand<string>[];
}

function parseWish(reader: ArgumentReader): Wish {
  const wish: Wish = { mode: "difference", content: "times", newerOnly: false, missingOnly: false, skipsEmpty: false, paths: [] };
  while (!reader.isDone) {
    const place = reader.place;
    const flag = reader.need("FULL", "DIFFerent", "NEWER", "OVERWRITE", "CHECKSUM", "SKIPEMPTY", "PATH");
    if (flag === "FULL") wish.mode = "full";
    if (flag === "NEWER") wish.newerOnly = true;
    if (flag === "OVERWRITE") {
      const which = reader.need("ALWAYS", "OLDER", "NEVER");
      wish.newerOnly = which === "OLDER";
      wish.missingOnly = which === "NEVER";
    }
    if (flag === "SKIPEMPTY") wish.skipsEmpty = true;
    if (flag === "CHECKSUM") wish.content = reader.has("ALL") ? "checksum-all" : "checksum";
    if (flag === "PATH") wish.paths.push(reader.text("a path of the source"));
    const contradiction = contradictionIn(wishOf(wish));
    if (contradiction !== null) throw new SmError("SCRIPT_VALUE", contradiction, { data: { ...place } });
  }
  return wish;
}

function wishOf({
  mode,
  content,
  newerOnly,
  missingOnly,
  skipsEmpty,
}: Wish): Pick<MirrorWish, "mode" | "content" | "newerOnly" | "missingOnly" | "skipsEmpty"> {
  return { mode, content, newerOnly, ...(missingOnly ? { missingOnly } : {}), ...(skipsEmpty ? { skipsEmpty } : {}) };
}

const start: Verb = {
  words: ["MIRRor", "START"],
  form: '<connection> [FULL|DIFFerent] [CHECKSUM [ALL]] [NEWER] [OVERWRITE ALWAYS|OLDER|NEVER] [SKIPEMPTY] [PATH "<path>" …]',
  summary: "Starts a mirror: of what differs, unless FULL. WAITONMIRROR waits for its end.",
  parse(reader) {
    const connection = reader.connection();
    const wish = parseWish(reader);
    return async (session) => {
      session.requireSource();
      const paths = wish.paths.map((path) => path(session));
      const input = { id: connection(session), ...wishOf(wish), ...(paths.length === 0 ? {} : { paths }) };
      return done([], await session.port.call("mirror.start", input));
    };
  },
};

function forMirrors(word: "stop" | "pause" | "resume", summary: string): Verb {
  return {
    words: ["MIRRor", word.toUpperCase()],
    form: "<connection>|*",
    summary,
    parse(reader) {
      const chosen = reader.connectionOrAll();
      return async (session) => {
        const ids = await connectionIds(session, chosen);
        const answers = await forEachOf(
          ids,
          (id) => id,
          (id) => session.port.call(`mirror.${word}`, { id }),
        );
        return done([], { mirrors: answers });
      };
    },
  };
}

export const MIRROR_VERBS: readonly Verb[] = [
  start,
  forMirrors("stop", "Stops the mirror of a connection, or of all; replication goes on."),
  forMirrors("pause", "Pauses the mirror of a connection, or of all, where it is; replication goes on."),
  forMirrors("resume", "Goes on with the paused mirror of a connection, or of all, where it was."),
];
