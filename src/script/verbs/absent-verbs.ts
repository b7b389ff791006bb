// Commands that are known from the field and have no counterpart here yet. A script with one of them is refused with its code
// before anything is done, where errors end a script; never passed over.

import { SmError } from "../../base/errors.js";
import { syntaxLine } from "../keyword.js";
import type { Verb } from "../verb.js";

function absent(words: readonly string[], form: string, instead: string): Verb {
  const verb = { words, form, summary: `Has no counterpart here: ${instead}.` };
  return {
    ...verb,
    parse() {
      throw new SmError("SCRIPT_NO_COUNTERPART", `${syntaxLine({ words, form: "" })} is a known command without a counterpart here: ${instead}`);
    },
  };
}

export const ABSENT_VERBS: readonly Verb[] = [
  absent(["LOAD"], "SOURCE|TARGET", "an agent is always source and target"),
  absent(["UNLOAD"], "SOURCE|TARGET", "an agent is always source and target; SHUTDOWN ends it"),
  absent(["CHDIR"], "<dir>", "paths are written in full"),
  absent(["DEVICE", "ADD"], "<device>", "files are replicated, not block devices"),
  absent(["REPSet", "RESYNC"], "", "the agent keeps the sets itself"),
  absent(["REPSet", "USE"], "<repset>", "each command names its set"),
  absent(["ORPHans", "ENABLE"], "<connection>", "ORPHANS START reports, deletes or moves them when it is said"),
  absent(["ORPHans", "DISABLE"], "<connection>", "orphans are never touched unless ORPHANS START says so"),
  absent(["ORPHANSCFG"], "<target> …", "ORPHANS START takes what is to be done"),
  absent(["MONITOR"], "…", "the agent watches no other server"),
  absent(["FAILOVER"], "<source>", "the agent takes over no addresses"),
  absent(["FAILBACK"], "<source> …", "the agent takes over no addresses"),
  absent(["CLEANUPFAILOVER"], "", "the agent takes over no addresses"),
  absent(["WAITONFAILBACK"], "<source>", "the agent takes over no addresses"),
  absent(["GETALLIPADDRESSES"], "", "the agent takes over no addresses"),
  absent(["GETTESTMODE"], "", "the agent takes over no addresses"),
  absent(["STATISTIC"], "…", "STATUS CON shows the figures of a connection"),
  absent(["STATISTICS"], "…", "STATUS CON shows the figures of a connection"),
  absent(["STATS"], "…", "STATUS CON shows the figures of a connection"),
  absent(["DIAGNOSTICS"], "", "CALL status gives all that the agent tells of itself"),
];
