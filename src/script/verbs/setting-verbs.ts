// Server settings by the names known from the field. Those that can be changed in operation are the limits of the queues;
// others are fields of the configuration, or have no counterpart: said, never passed over.

import { SmError } from "../../base/errors.js";
import type { QueueLimits, QueueReport } from "../../model/queue.js";
import type { ArgumentReader } from "../argument-reader.js";
import { integerValue, textValue, type Value, valueText } from "../value.js";
import { done, type Verb } from "../verb.js";

type LimitName = keyof QueueLimits;

/** What stands for "no limit" in the field. */
const UNLIMITED = 4_294_967_295;
const LABEL_WIDTH = 34;

interface Setting {
  readonly name: string;
  read(queue: QueueReport): Value;
  /** The limit that it sets; null = it can only be read. */
  readonly limit: LimitName | null;
}

const limitSetting = (name: string, limit: LimitName): Setting => ({ name, read: ({ limits }) => integerValue(limits[limit] ?? UNLIMITED), limit });

export const SETTINGS: readonly Setting[] = [
  limitSetting("QmemoryBufferMax", "memoryMiB"),
  limitSetting("QJournalSpaceMax", "diskMiB"),
  limitSetting("QJournalFreeSpaceMin", "minFreeMiB"),
  limitSetting("QueueSizeAlertThreshold", "alertPercent"),
  { name: "QJournalDir", read: ({ directory }) => textValue(directory), limit: null },
];

/** Documented names without a command, and what does their job here; null = nothing does. */
export const OTHER_SETTINGS: Readonly<Record<string, string | null>> = {
  ActivationCode: null,
  AdapterFlags: null,
  AddOnCodes: null,
  Advertisement: null,
  AcquireDataRetryLimit: null,
  AllFailover: null,
  AllMustFail: null,
  ArchiveExclusionDirectories: null,
  AutoReconnect: "connections always come back when the agent starts",
  AutoRemirror: "what may have been missed is always repaired by itself",
  AutoRemirrorRetry: "what may have been missed is always repaired by itself",
  AutoRetransmit: "a source always dials again",
  BackupDir: null,
  CalculateByVolume: null,
  CalculateOnConnect: "the size of a set is always known; REPSET CALCULATE counts it",
  CaseSensitiveRepSetQueries: null,
  ChecksumAll: "MIRROR START <connection> CHECKSUM ALL, VERIFY <connection> CHECKSUM ALL",
  ClusterDir: null,
  MaxDriverPagefileSize: null,
  MaxLogFileSize: null,
  MaxLogPathname: null,
  MaxNumberofLogFiles: null,
  MaxRemoveOrphansOpSize: null,
  MaxRetry: null,
  MaxWriteChunkSize: null,
  MemoryAllocatorCallbackMode: "queue.onFull in the configuration",
  MemoryQueueToDiskThreshold: null,
  MinCompressionFileSize: "transport.compressMinBytes in the configuration",
  MirrorChunkSize: null,
  MirrorEncryptedFiles: null,
  MirrorOverwrite: "MIRROR START <connection> NEWER",
  MirrorPrompting: null,
  MirrorQueueLimit: null,
  MirrorZeroKFiles: "empty files are mirrored unless MIRROR START … SKIPEMPTY leaves them out",
  MissedHeartbeats: null,
  MissedPackets: null,
  MoveOrphanedFiles: "ORPHANS START <connection> DELETE | MOVE <dir>",
  MoveOrphansDir: "ORPHANS START <connection> MOVE <dir>",
  PreFailoverScript: null,
  QJournalFileSize: "segments of the queue are always of 5 MiB",
  QJournalPreload: null,
  QLogWriteThrough: null,
  RemapLink: "an option of each connection: sm connect --no-remap-links",
  TGExecutionRetryLimit: "apply.retryLimitSeconds in the configuration",
};

function findSetting(name: string): Setting {
  const setting = SETTINGS.find((each) => each.name.toLowerCase() === name.toLowerCase());
  if (setting !== undefined) return setting;
  const other = Object.keys(OTHER_SETTINGS).find((each) => each.toLowerCase() === name.toLowerCase());
  if (other === undefined) {
    const known = SETTINGS.map((each) => each.name).join(", ");
    throw new SmError("SCRIPT_VALUE", `there is no setting ${JSON.stringify(name.slice(0, 100))}: GET and SET know ${known}`);
  }
  const instead = OTHER_SETTINGS[other];
  throw new SmError("SCRIPT_NO_COUNTERPART", instead ? `${other} is no setting here; what stands for it: ${instead}` : `${other} has no counterpart here`);
}

const read: Verb = {
  words: ["GET"],
  form: "<option>",
  summary: `The value of a setting: ${SETTINGS.map(({ name }) => name).join(", ")}.`,
  parse(reader) {
    const option = reader.text("the name of a setting");
    return async (session) => {
      session.requireSource();
      const setting = findSetting(option(session));
      const { queue } = await session.port.call("queue.show", {});
      const value = setting.read(queue);
      return { ...done([`${setting.name.padEnd(LABEL_WIDTH)}${valueText(value)}`]), value };
    };
  },
};

function parseSet(reader: ArgumentReader): ReturnType<Verb["parse"]> {
  const option = reader.text("the name of a setting");
  reader.needSymbol("=");
  const value = reader.text("a value");
  return async (session) => {
    session.requireSource();
    const { name, limit } = findSetting(option(session));
    if (limit === null) throw new SmError("SCRIPT_VALUE", `${name} can be read, but is set in the configuration`);
    const text = value(session);
    if (!/^\d{1,10}$/.test(text)) throw new SmError("SCRIPT_VALUE", `${name} is ${JSON.stringify(text.slice(0, 100))}, but must be an integer from 0 up`);
    const isUnlimited = limit === "diskMiB" && Number(text) >= UNLIMITED;
    return done([], await session.port.call("queue.set", { [limit]: isUnlimited ? null : Number(text) }));
  };
}

export const SETTING_VERBS: readonly Verb[] = [
  read,
  {
    words: ["SET"],
    form: "<option> = <value>",
    summary: `Sets a limit of the queues, at once and for good; ${UNLIMITED} MB of disk = without limit.`,
    parse: parseSet,
  },
];
