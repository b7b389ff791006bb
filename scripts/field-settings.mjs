// The settings of the field (Double-Take and HP Storage Mirroring, by the documents that name them), and what stands for each here:
// a key of sm.yaml, or words. `test` is the file that shows it; null where there is nothing to show.

/** @typedef {{ name: string; ours: string; key?: string; test: string | null }} Row */

const GONE = "no counterpart: ";

/** @returns {Row} */
const key = (/** @type {string} */ name, /** @type {string} */ path, /** @type {string} */ test, more = "") => ({
  name,
  key: path,
  ours: `\`${path}\`${more}`,
  test,
});
/** @returns {Row} */
const words = (/** @type {string} */ name, /** @type {string} */ ours, /** @type {string | null} */ test = null) => ({ name, ours, test });

/** @type {readonly Row[]} */
export const FIELD_SETTINGS = [
  words("ActivationCode", `${GONE}there are no licences`),
  words("AdapterFlags", "links are always encrypted (mutual TLS 1.3)", "unit/transport-identity"),
  words("AddOnCodes", `${GONE}there are no licences`),
  words("Advertisement", `${GONE}nothing is advertised; agents are paired by a token`),
  words("AcquireDataRetryLimit", "a file that cannot be read is tried again as long as it takes, and named", "fault/faults"),
  words("AllFailover", `${GONE}there is no failover of addresses`),
  words("AllMustFail", `${GONE}there is no failover of addresses`),
  words("AutoReconnect", "always: connections come back when the agent starts; `sm disconnect` ends one for good", "e2e/restart"),
  words("AutoRemirror", "always, and only what may differ: compared after a restart or a loss, never everything sent", "fault/kill"),
  words("AutoRemirrorRetry", "at once, as soon as the target is there", "fault/kill"),
  words("AutoRetransmit", "always: a source dials again, with growing pauses up to 15 s", "fault/transport-links"),
  words("BackupDir", "`sm restore start SET --from PEER`: the target keeps the rules of each set itself", "e2e/restore"),
  words("CalculateByVolume", `${GONE}the size is always that of the set`),
  key("CalculateOnConnect", "mirror.size", "unit/mirror-estimate", ", `sm mirror start --size`"),
  words("CaseSensitiveRepSetQueries", `${GONE}names are bytes`),
  words("ChecksumAll", "`sm mirror start CONN --checksum-all`, `sm verify start CONN --checksum-all`", "e2e/mirror-modes"),
  words("ClusterDir", `${GONE}of another system`),
  words("ArchiveExclusionDirectories", `${GONE}of another system`),
  words("MaxDriverPagefileSize", `${GONE}of another system`),
  key("MaxLogFileSize", "log.maxFileMiB", "unit/config-load"),
  words("MaxLogPathname", `${GONE}paths are logged whole`),
  key("MaxNumberofLogFiles", "log.maxFiles", "unit/config-load"),
  key("MaxRemoveOrphansOpSize", "orphans.confirmFiles", "e2e/orphans", ": not the size of a message, but from how many files on a person is asked"),
  words("MaxRetry", `${GONE}what can be tried again is, without a last time`),
  words("MaxWriteChunkSize", `${GONE}change sets have at most 4 MiB`),
  key("MemoryAllocatorCallbackMode", "queue.onFull", "fault/pull-ahead", ": beyond memory the queue goes to disk, always; what happens when that is full"),
  words("MemoryQueueToDiskThreshold", "at 100 percent of `queue.memoryMiB`", "unit/journal-limits"),
  key("MinCompressionFileSize", "transport.compressMinBytes", "unit/transport-compression", ": of a change set"),
  words("MirrorChunkSize", `${GONE}blocks are chosen by the size of the file`),
  words("MirrorEncryptedFiles", `${GONE}of another system`),
  words("MirrorOverwrite", "`sm mirror start CONN --overwrite always`, `older` or `never`", "unit/mirror-overwrite"),
  words("MirrorPrompting", `${GONE}unused there, too`),
  words("MirrorQueueLimit", "`transport.windowMiB` bounds what a mirror has on its way", "unit/capture-credits"),
  words(
    "MirrorZeroKFiles",
    "1; 0 is said for each mirror: `sm mirror start CONN --skip-empty`, what is left out is counted and stays owed",
    "unit/mirror-empty",
  ),
  words("MissedHeartbeats", "`transport.deadMs`, of a link; there is no failover", "fault/transport-links"),
  words("MissedPackets", `${GONE}there is no failover`),
  words("MoveOrphanedFiles", "`sm orphans start CONN --action delete|move`; of a schedule: `verify.orphans` of a file of connections.d", "e2e/orphans"),
  words("MoveOrphansDir", "`sm orphans start CONN --action move --to DIR`", "e2e/orphans"),
  words("PreFailoverScript", `${GONE}there is no failover`),
  key("QJournalDir", "queue.directory", "unit/config-load"),
  words("QJournalFileSize", "always 5 MiB", "unit/journal-limits"),
  key("QJournalFreeSpaceMin", "queue.minFreeMiB", "e2e/queue", ", `sm queue set --min-free-mib`"),
  words("QJournalPreload", `${GONE}read ahead as memory allows`),
  key("QJournalSpaceMax", "queue.diskMiB", "e2e/queue", ", `sm queue set`"),
  words("QLogWriteThrough", `${GONE}what is acknowledged is synced on the target; the queue is checked, and compared, after a crash`, "unit/journal-recovery"),
  key("QmemoryBufferMax", "queue.memoryMiB", "e2e/queue", ", `sm queue set`"),
  key("QueueSizeAlertThreshold", "queue.alertPercent", "unit/queue-level", ", `sm queue set`"),
  words("RemapLink", "`sm connect --no-remap-links`; `remapLinks` of a file of connections.d", "unit/config-connection-file"),
  key("TGExecutionRetryLimit", "apply.retryLimitSeconds", "unit/apply-quarantine", ": in seconds; `apply.quarantineRetrySeconds` from then on"),
  key("service listen port", "server.listen", "unit/config-load"),
  words("heartbeat transmit port, status listen port", "the one port of `server.listen`; control is on Unix sockets", "unit/control-http-server"),
  key("time between heartbeats", "transport.heartbeatMs", "fault/transport-links"),
  key("missed heartbeat limit", "transport.deadMs", "fault/transport-links"),
  words("show heartbeat messages in log", "`log.level: debug` says what a link does", "e2e/config"),
  words("replication packets per mirror packet", `${GONE}live changes always go first, a mirror takes what is left`, "unit/capture-credits"),
  words("ignore delete operations", `${GONE}a copy is a copy; \`guard.lostPercent\` holds what removes much`, "e2e/guard"),
];
