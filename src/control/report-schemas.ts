// The shapes that answers have on the wire. Each is checked by the compiler against its type in the model;
// what is not listed here does not leave the agent.

import { z } from "zod";
import type { AuditFigures, CaptureCoverage } from "../model/capture-port.js";
import { compressionSchema } from "../model/compression.js";
import { mappingSchema } from "../model/connection-spec.js";
import type { IdentityReport, KeyRotationReport, PeerReport, RepsetSaved, RepsetSize } from "../model/control-port.js";
import type { PathExplanation, SetExplanation } from "../model/explanation.js";
import { type RepsetData, ruleSchema } from "../model/rule.js";
import { type ScrubReport, scrubSchema, scrubSettingsSchema } from "../model/scrub.js";
import type {
  CaptureReport,
  ConnectionReport,
  ConsistencyReport,
  GoodbyeReport,
  GuardReport,
  MirrorReport,
  ProblemReport,
  Reason,
  StatusReport,
  TargetConnectionReport,
} from "../model/status.js";
import { type VerifyPlanReport, verifyPlanSchema } from "../model/verify-schedule.js";

export const reasonSchema: z.ZodType<Reason> = z.object({
  code: z.string(),
  message: z.string(),
  object: z.string(),
  since: z.string(),
  next: z.string(),
  nextAt: z.string().nullable(),
  command: z.string().nullable(),
});

export const problemSchema: z.ZodType<ProblemReport> = z.object({ path: z.string(), code: z.string(), message: z.string(), at: z.string() });

export const mirrorReportSchema: z.ZodType<MirrorReport> = z.object({
  status: z.enum(["Idle", "Calculating", "Mirroring", "Paused", "Waiting"]),
  mode: z.enum(["full", "difference"]).nullable(),
  content: z.enum(["times", "checksum", "checksum-all"]),
  newerOnly: z.boolean(),
  missingOnly: z.boolean(),
  skipsEmpty: z.boolean(),
  paths: z.array(z.string()).nullable(),
  id: z.number(),
  percent: z.number().nullable(),
  bytesTotal: z.number(),
  bytesDone: z.number(),
  bytesSkipped: z.number(),
  filesTotal: z.number(),
  filesDone: z.number(),
  filesRemaining: z.number().nullable(),
  bytesRemaining: z.number().nullable(),
  bytesPerSecond: z.number().nullable(),
  secondsLeft: z.number().nullable(),
  orphans: z.number(),
  orphanNames: z.array(z.string()),
  leftAlone: z.number(),
  leftEmpty: z.number(),
  leftAloneNames: z.array(z.string()),
  waitsForHook: z.string().nullable(),
  sweep: z.object({ action: z.enum(["report", "delete", "move"]), state: z.enum(["waiting", "begun", "dropped"]), job: z.number().nullable() }).nullable(),
  problems: z.array(problemSchema),
  problemCount: z.number(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  outcome: z.enum(["running", "done", "stopped", "failed"]).nullable(),
});

const consistencySchema: z.ZodType<ConsistencyReport> = z.object({
  seq: z.number(),
  at: z.string().nullable(),
  lagMs: z.number(),
  reason: reasonSchema.nullable(),
});

const guardReportSchema: z.ZodType<GuardReport> = z.object({
  state: z.enum(["off", "watching", "held", "rejected"]),
  lostPercent: z.number().nullable(),
  lostFiles: z.number().nullable(),
  changedPercent: z.number().nullable(),
  crossed: z.enum(["lost", "changed"]).nullable(),
  lost: z.number(),
  changed: z.number(),
  files: z.number().nullable(),
  fromSeq: z.number().nullable(),
  since: z.string().nullable(),
});

export const verifyPlanReportSchema: z.ZodType<VerifyPlanReport> = verifyPlanSchema.omit({ seenMs: true }).extend({ nextRuns: z.array(z.string()) });

export const scrubReportSchema: z.ZodType<ScrubReport> = z.object({
  settings: scrubSettingsSchema.nullable(),
  state: z.enum(["off", "disabled", "running", "waiting", "resting"]),
  waitsFor: z.string().nullable(),
  verifiedSince: z.string().nullable(),
  lastRound: scrubSchema.shape.lastRound,
  round: z
    .object({
      startedAt: z.string(),
      job: z.number(),
      percent: z.number(),
      bytes: z.number(),
      bytesTotal: z.number(),
      endsAt: z.string().nullable(),
    })
    .nullable(),
  nextRoundAt: z.string().nullable(),
});

export const connectionReportSchema: z.ZodType<ConnectionReport> = z.object({
  id: z.number(),
  repset: z.string(),
  target: z.string(),
  targetAddress: z.string(),
  isSimulated: z.boolean(),
  mappings: z.array(mappingSchema),
  state: z.string(),
  targetDataState: z.enum(["OK", "Mirroring", "Mirror Required", "Repairing", "Restore Required", "Simulated"]),
  targetStatus: z.enum(["OK", "Not Loaded", "Pause Pending", "Paused", "Retrying", "Not Connected", "Unreachable"]),
  commitMode: z.enum(["Real-time", "Scheduled"]),
  transmitMode: z.enum(["Started", "Paused", "Scheduled", "Stopped", "Error"]),
  mirror: mirrorReportSchema,
  replicationStatus: z.enum(["Replicating", "Ready", "Stopped", "Pending"]),
  queuedOps: z.number(),
  sentBytes: z.number(),
  sentCompressedBytes: z.number(),
  compression: compressionSchema,
  compressionInUse: compressionSchema.nullable(),
  sockets: z.object({ open: z.number(), why: z.string() }).nullable(),
  intermediateQueueBytes: z.number(),
  diskQueueBytes: z.number(),
  queuedReplicationBytes: z.number(),
  queuedReplicationOps: z.number(),
  sentReplicationBytes: z.number(),
  sentCompressedReplicationBytes: z.number(),
  queuedMirrorOps: z.number(),
  sentMirrorBytes: z.number(),
  sentCompressedMirrorBytes: z.number(),
  skippedMirrorBytes: z.number(),
  remainingMirrorBytes: z.number(),
  repair: z.object({ pending: z.number(), places: z.number(), files: z.number(), bytes: z.number(), since: z.string().nullable() }),
  lastFileTouched: z.string(),
  connectedSince: z.string().nullable(),
  appliedSeq: z.number(),
  durableSeq: z.number(),
  lastSeq: z.number(),
  lagMs: z.number(),
  consistency: consistencySchema,
  guard: guardReportSchema,
  verifyPlan: verifyPlanReportSchema,
  scrub: scrubReportSchema,
  problems: z.array(problemSchema),
  problemCount: z.number(),
  reasons: z.array(reasonSchema),
});

export const targetConnectionSchema: z.ZodType<TargetConnectionReport> = z.object({
  connectionId: z.number(),
  source: z.string(),
  repset: z.string(),
  mappings: z.array(mappingSchema),
  online: z.boolean(),
  appliedSeq: z.number(),
  durableSeq: z.number(),
  receivedBytes: z.number(),
  pause: z.enum(["no", "pending", "paused"]),
  consistency: consistencySchema,
  reasons: z.array(reasonSchema),
});

const coverageSchema: z.ZodType<CaptureCoverage> = z.object({
  tier: z.literal([1, 2, 3, 4, 5]),
  source: z.string(),
  why: z.string(),
  blindSpots: z.array(z.string()),
  directoriesWatched: z.number(),
  directoriesTotal: z.number(),
  walkSeconds: z.number(),
  advice: z.string().nullable(),
  events: z.number(),
  losses: z.number(),
});

const auditSchema: z.ZodType<AuditFigures> = z.object({ lastMs: z.number().nullable(), missed: z.number() });

const captureReportSchema: z.ZodType<CaptureReport> = z.object({
  repset: z.string(),
  state: z.enum(["Arming", "Scanning", "Watching", "Halted"]),
  files: z.number(),
  bytes: z.number(),
  coverage: coverageSchema,
  audit: auditSchema.nullable(),
  reasons: z.array(reasonSchema),
});

const goodbyeSchema: z.ZodType<GoodbyeReport> = z.object({
  connectionId: z.number(),
  repset: z.string(),
  target: z.string(),
  places: z.array(z.string()),
  since: z.string(),
  reason: reasonSchema,
});

export const statusReportSchema: z.ZodType<StatusReport> = z.object({
  agent: z.object({
    pid: z.number(),
    version: z.string(),
    name: z.string(),
    startedAt: z.string(),
    listen: z.string(),
    memoryBytes: z.number(),
    reasons: z.array(reasonSchema).readonly(),
  }),
  index: z.number(),
  connections: z.array(connectionReportSchema),
  targets: z.array(targetConnectionSchema),
  captures: z.array(captureReportSchema),
  goodbyes: z.array(goodbyeSchema),
  config: z.object({ needsRestart: z.array(z.string()).readonly(), problems: z.array(z.string()).readonly() }),
});

export const repsetSchema: z.ZodType<RepsetData> = z.object({ name: z.string(), generation: z.number(), rules: z.array(ruleSchema) });

export const repsetSavedSchema: z.ZodType<RepsetSaved> = z.object({
  repset: repsetSchema,
  dropped: z.array(z.object({ rule: ruleSchema, reason: z.string() })),
});

export const repsetSizeSchema: z.ZodType<RepsetSize> = z.object({
  files: z.number(),
  directories: z.number(),
  bytes: z.number(),
  problems: z.number(),
  isComplete: z.boolean(),
});

export const keyRotationSchema: z.ZodType<KeyRotationReport> = z.object({
  fingerprint: z.string(),
  startedAt: z.string(),
  until: z.string(),
  waiting: z.array(z.object({ name: z.string(), why: z.string().nullable() })).readonly(),
});

export const identityReportSchema: z.ZodType<IdentityReport> = z.object({
  fingerprint: z.string(),
  validFrom: z.string(),
  validTo: z.string(),
  rotation: keyRotationSchema.nullable(),
});

export const peerReportSchema: z.ZodType<PeerReport> = z.object({
  name: z.string(),
  fingerprint: z.string(),
  next: z.string().optional(),
  addresses: z.array(z.object({ host: z.string(), port: z.number() })),
  addedAt: z.string(),
  reachable: z.boolean().nullable(),
});

const entryFacts = {
  type: z.enum(["file", "dir", "symlink", "special"]),
  size: z.number(),
  mtime: z.string(),
  device: z.string(),
  inode: z.number(),
  birthTime: z.string().nullable(),
};

const setExplanationSchema: z.ZodType<SetExplanation> = z.object({
  repset: z.string(),
  root: z.string().nullable(),
  decision: z.enum(["included", "excluded", "way"]),
  rule: ruleSchema.nullable(),
  ruleNumber: z.number().nullable(),
  knowledge: z
    .object({
      known: z.object({ ...entryFacts, version: z.number(), names: z.number(), isYoung: z.boolean() }).nullable(),
      waits: z.array(z.enum(["event", "listing", "missing", "written", "doubt"])),
    })
    .nullable(),
  targets: z.array(
    z.object({
      connection: z.number(),
      target: z.string(),
      path: z.string(),
      state: z.string(),
      isChecked: z.boolean(),
      appliedSeq: z.number(),
      lastSeq: z.number(),
    }),
  ),
});

export const pathExplanationSchema: z.ZodType<PathExplanation> = z.object({
  path: z.string(),
  onDisk: z.object(entryFacts).nullable(),
  sets: z.array(setExplanationSchema),
});
