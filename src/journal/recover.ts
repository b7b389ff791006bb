// What a journal finds when it is opened. After an orderly stop: its segments, checked by name and size (their records
// are checked when they are read). Otherwise nothing that is there can be trusted to be complete: it is removed.

import { randomBytes } from "node:crypto";
import { mkdir, readdir, stat, truncate, unlink } from "node:fs/promises";
import { join } from "node:path";
import { SmError, toSmError } from "../base/errors.js";
import { logEvent } from "../base/events.js";
import type { Log } from "../base/log.js";
import { DiskBlock } from "./block.js";
import { FormatError } from "./byte-cursor.js";
import { isSegmentOf, segmentName } from "./segment-name.js";
import { readSegment, type SegmentDamage } from "./segment-reader.js";
import { type JournalState, readState, type SegmentEntry, writeState } from "./state-file.js";

export type Recovered = "clean" | "unclean" | "new";

export interface RecoverOptions {
  readonly directory: string;
  readonly setName: string;
  readonly makeEpoch?: (() => string) | undefined;
  readonly log: Log;
}

export interface Recovery {
  readonly recovered: Recovered;
  readonly state: JournalState;
  readonly blocks: readonly DiskBlock[];
  readonly damages: readonly SegmentDamage[];
}

function freshState(options: RecoverOptions): JournalState {
  const epoch = options.makeEpoch?.() ?? randomBytes(8).toString("hex");
  return { clean: false, setName: options.setName, epoch, lastSeq: 0, cursors: [], lost: [], segments: [] };
}

async function readSoundState(options: RecoverOptions): Promise<JournalState | "damaged" | undefined> {
  try {
    return await readState(options.directory, options.setName);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    options.log.warn("the queue's state file is damaged: the queue is taken as not closed in order", { set: options.setName, error: error.message });
    return "damaged";
  }
}

/** Finds out, cleans up, and marks the journal as in use: durable when it resolves. */
export async function recover(options: RecoverOptions): Promise<Recovery> {
  const { directory, setName, log } = options;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const found = await readSoundState(options);
    const fileNames = (await readdir(directory)).filter((name) => isSegmentOf(setName, name));
    if (found !== undefined && found !== "damaged" && found.clean) return await recoverClean(options, found, fileNames);
    const state = freshState(options);
    await writeState(directory, state);
    await removeFiles(options, fileNames);
    const isNew = found === undefined && fileNames.length === 0;
    if (!isNew) logEvent(log, "queueBeganAnew", { repset: setName }, { epoch: state.epoch, segmentsRemoved: fileNames.length });
    return { recovered: isNew ? "new" : "unclean", state, blocks: [], damages: [] };
  } catch (error) {
    if (error instanceof SmError) throw error;
    throw toSmError(error, "JOURNAL_IO", `cannot open the queue of ${setName} in ${directory}`);
  }
}

async function recoverClean(options: RecoverOptions, state: JournalState, fileNames: readonly string[]): Promise<Recovery> {
  // First of all: from here on a crash is an unclean stop.
  await writeState(options.directory, { ...state, clean: false, cursors: [], lost: [], segments: [] });
  const blocks: DiskBlock[] = [];
  const damages: SegmentDamage[] = [];
  for (const entry of state.segments) {
    const { block, damage } = await recoverSegment(options, state, entry);
    if (block !== undefined) blocks.push(block);
    if (damage !== undefined) damages.push(damage);
  }
  const known = new Set(state.segments.map((entry) => segmentName(state.setName, state.epoch, entry.firstSeq)));
  const strays = fileNames.filter((name) => !known.has(name));
  if (strays.length > 0)
    options.log.warn("files that do not belong to the queue are removed", { set: state.setName, files: strays.slice(0, 20), count: strays.length });
  await removeFiles(options, strays);
  return { recovered: "clean", state, blocks, damages };
}

interface RecoveredSegment {
  readonly block: DiskBlock | undefined;
  readonly damage: SegmentDamage | undefined;
}

async function recoverSegment(options: RecoverOptions, state: JournalState, entry: SegmentEntry): Promise<RecoveredSegment> {
  const block = new DiskBlock(segmentName(state.setName, state.epoch, entry.firstSeq), entry.firstSeq, entry.fileBytes);
  block.lastSeq = entry.lastSeq;
  block.fileBytes = entry.fileBytes;
  block.tallies = new Map(entry.tallies);
  block.records = undefined;
  block.sealed = true;
  block.ended = true;
  block.synced = true;
  const path = join(options.directory, block.fileName);
  const size = await sizeOf(path);
  if (size === entry.fileBytes) return { block, damage: undefined };
  if (size !== undefined && size > entry.fileBytes) {
    await truncate(path, entry.fileBytes);
    return { block, damage: undefined };
  }
  return cutSegment(path, block, state);
}

/** A segment that is shorter than it was: its torn tail is cut, and what is missing is a loss. */
async function cutSegment(path: string, block: DiskBlock, state: JournalState): Promise<RecoveredSegment> {
  const { records, soundBytes, damage } = await readSegment(path, block, state);
  if (records.length === 0) {
    await unlink(path).catch(ignoreAbsent);
    return { block: undefined, damage };
  }
  await truncate(path, soundBytes);
  block.bytes = soundBytes;
  block.fileBytes = soundBytes;
  block.tallies = new Map();
  block.knownLost = damage?.lost ?? [];
  block.lastSeq = records.at(-1)?.seq ?? block.lastSeq;
  block.records = records;
  return { block, damage };
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    ignoreAbsent(error);
    return undefined;
  }
}

function ignoreAbsent(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}

async function removeFiles(options: RecoverOptions, fileNames: readonly string[]): Promise<void> {
  for (const name of fileNames) await unlink(join(options.directory, name)).catch(ignoreAbsent);
}
