// Frames of sm.1 (docs/protocol.md): u32 LE header length | msgpack header | payload. header[0] names the kind. Change sets
// pass untouched, only their outer shape is looked at; every other frame is validated whole: it becomes a Frame or PROTOCOL.

import { z } from "zod";
import { isErrorCode, SmError } from "../base/errors.js";
import { isSeq, packHeader, SET_BYTES_MAX, unpackHeader } from "../model/change-set.js";
import type { TargetPause } from "../model/channel-port.js";
import type { Packing } from "../model/compression.js";
import { type ScanLimits, scanMsgpack } from "../model/msgpack-scan.js";
import { type RestoreNews, type RestoreRequest, restoreNewsSchema, restoreRequestSchema } from "../model/restore.js";
import {
  type Ack,
  type CopyClaim,
  connectionKeySchema,
  type Hello,
  helloSchema,
  type Mended,
  mendedSchema,
  type QuarantineNews,
  quarantineNewsSchema,
  refusalSchema,
  type Welcome,
  welcomeSchema,
} from "../model/session.js";
import { isTimeMs } from "../model/wire-time.js";
import { decodeAck } from "./ack-codec.js";

export const NONCE_BYTES = 16;
export const JOIN_KEY_BYTES = 32;
/** What comes in one message on a further socket of a channel. */
export const STRIPE_FRAME_BYTES_MAX = 1024 * 1024;
/** What a target takes in one message: the largest set with room for its header. */
export const SET_FRAME_BYTES_MAX = 4 * SET_BYTES_MAX;
/** What a source takes in one message: an acknowledgement with the block sums of a file of 448 GiB. */
export const ACK_FRAME_BYTES_MAX = 64 * 1024 * 1024;
/** A compressed set has at least as many bytes: with the limit of what is in hand this bounds how many there are. */
export const PACKED_RAW_BYTES_MIN = 512;
/** lz4 cannot do better than this, others are not believed to: bounds what one read of a socket can claim. */
export const PACKED_RATIO_MAX = 256;
const WHY_MAX = 2000;
/** More values than the fullest acknowledgement has: 4 MiB of the shortest names, or 100,000 of each sort that one answer lists. */
export const HEADER_LIMITS: ScanLimits = { depthMax: 8, elementsMax: 4_000_000, maps: true };

export type Frame =
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "welcome"; readonly welcome: Welcome }
  | { readonly kind: "refuse" | "bye"; readonly code: string; readonly message: string }
  | { readonly kind: "ack"; readonly ack: Ack }
  | { readonly kind: "copy"; readonly claim: CopyClaim }
  | { readonly kind: "pause"; readonly pause: TargetPause }
  | { readonly kind: "part"; readonly bytesTotal: number; readonly piece: Buffer }
  | { readonly kind: "quarantine"; readonly news: QuarantineNews }
  | { readonly kind: "mended"; readonly mended: Mended }
  | { readonly kind: "ping" | "pong"; readonly token: number }
  | { readonly kind: "probe"; readonly nonce: Buffer }
  | { readonly kind: "join"; readonly key: Buffer }
  | { readonly kind: "joined" }
  | { readonly kind: "stripe"; readonly number: number; readonly bytesTotal: number; readonly piece: Buffer }
  | { readonly kind: "goodbye"; readonly connectionKey: string }
  | { readonly kind: "restore"; readonly request: RestoreRequest }
  | { readonly kind: "restoring"; readonly news: RestoreNews }
  | { readonly kind: Packing; readonly rawBytes: number; readonly block: Buffer }
  | { readonly kind: "set"; readonly bytes: Buffer };

export function encodeFrame(header: readonly unknown[], payloads: readonly Buffer[] = []): Buffer {
  const packed = packHeader(header);
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32LE(packed.length, 0);
  return Buffer.concat([length, packed, ...payloads]);
}

/** Without `origins` and `joinKey` where there are none: as it was before there were any. */
export const encodeHello = ({ origins, joinKey, ...hello }: Hello): Buffer =>
  encodeFrame(["hello", { ...hello, ...(origins.length === 0 ? {} : { origins }), ...(joinKey === undefined ? {} : { joinKey }) }]);
export const encodeWelcome = (welcome: Welcome): Buffer => encodeFrame(["welcome", welcome]);
export const encodeCopy = ({ fromSeq, why }: CopyClaim): Buffer => encodeFrame(["copy", fromSeq, why.slice(0, WHY_MAX)]);
export const encodePause = ({ pause, sinceMs }: TargetPause): Buffer => encodeFrame(["pause", pause, sinceMs]);
/** A piece of a message of `bytesTotal`. */
export const encodePart = (bytesTotal: number, piece: Buffer): Buffer => encodeFrame(["part", bytesTotal], [piece]);
/** Message `number` of a channel: one of `bytesTotal` bytes, or a piece of it. */
export const encodeStripe = (number: number, bytesTotal: number, piece: Buffer): Buffer => encodeFrame(["stripe", number, bytesTotal], [piece]);
export const encodeJoin = (key: Buffer): Buffer => encodeFrame(["join", key]);
export const encodeJoined = (): Buffer => encodeFrame(["joined"]);
export const encodeQuarantine = (news: QuarantineNews): Buffer => encodeFrame(["quarantine", news]);
export const encodeMended = (mended: Mended): Buffer => encodeFrame(["mended", mended]);
export const encodePing = (token: number): Buffer => encodeFrame(["ping", token]);
export const encodePong = (token: number): Buffer => encodeFrame(["pong", token]);
/** Says, or confirms, that a connection is over for good. */
export const encodeGoodbye = (connectionKey: string): Buffer => encodeFrame(["goodbye", connectionKey]);
export const encodeRestore = (request: RestoreRequest): Buffer => encodeFrame(["restore", request]);
export const encodeRestoring = (news: RestoreNews): Buffer => encodeFrame(["restoring", news]);
export const encodeProbe = (nonce: Buffer): Buffer => encodeFrame(["probe", nonce]);

/** `refuse` answers a hello, `bye` ends an open channel; both carry a reason. */
export function encodeReason(kind: "refuse" | "bye", reason: SmError): Buffer {
  return encodeFrame([kind, reason.code, reason.message.slice(0, 2000)]);
}

/** What the other side gave as reason, as an error of ours. Its defects are not ours: they are worth a retry. */
export function reasonToError(frame: { readonly code: string; readonly message: string }, peerName: string): SmError {
  const { code, message } = frame;
  if (!isErrorCode(code)) return new SmError("PROTOCOL", `${peerName} gives the unknown reason ${JSON.stringify(code)}: ${message}`);
  const error = new SmError(code, `${peerName}: ${message}`, { data: { peer: peerName } });
  return error.entry.disposition === "bug" ? new SmError("PROTOCOL", `${peerName} reports a defect of its own: ${message}`, { cause: error }) : error;
}

function bad(what: string): never {
  throw new SmError("PROTOCOL", what);
}

/** The kind of a frame, without unpacking its header: sets have large ones. */
function peekKind(frame: Buffer): { readonly kind: string; readonly headerEnd: number } {
  if (frame.length < 6) bad(`a frame of ${frame.length} bytes has no header`);
  const headerEnd = 4 + frame.readUInt32LE(0);
  if (headerEnd > frame.length) bad(`a frame of ${frame.length} bytes claims a header of ${headerEnd - 4}`);
  const array = frame[4] as number;
  const text = frame[5] as number;
  const kindEnd = 6 + (text & 0x1f);
  if ((array & 0xf0) !== 0x90 || (text & 0xe0) !== 0xa0 || kindEnd > headerEnd) bad("the header of a frame does not begin with its kind");
  return { kind: frame.toString("latin1", 6, kindEnd), headerEnd };
}

/** Throws PROTOCOL unless the bytes look like a change set from outside; its inside is checked where it is decoded. */
export function checkSetFrame(frame: Buffer): void {
  if (peekKind(frame).kind !== "set") bad("a compressed frame holds no change set");
}

export function decodeFrame(frame: Buffer): Frame {
  const { kind, headerEnd } = peekKind(frame);
  if (kind === "set") return { kind, bytes: frame };
  const header = frame.subarray(4, headerEnd);
  scanMsgpack(header, HEADER_LIMITS);
  const fields = unpackHeader(header);
  if (!Array.isArray(fields)) return bad("the header of a frame is no list");
  const payload = frame.subarray(headerEnd);
  if (kind === "ack") return { kind, ack: decodeAck(fields, payload) };
  if (kind === "lz4" || kind === "brotli") return decodePacked(kind, fields, payload);
  if (kind === "part") return decodePart(fields, payload);
  if (kind === "stripe") return decodeStripe(fields, payload);
  if (payload.length > 0) bad(`a ${kind} frame has no payload, this one has ${payload.length} bytes`);
  return decodeControl(kind, fields);
}

function decodeControl(kind: string, fields: readonly unknown[]): Frame {
  switch (kind) {
    case "hello":
      return { kind, hello: validated(helloSchema, fields, kind) };
    case "welcome":
      return { kind, welcome: validated(welcomeSchema, fields, kind) };
    case "restore":
      return { kind, request: validated(restoreRequestSchema, fields, kind) };
    case "restoring":
      return { kind, news: validated(restoreNewsSchema, fields, kind) };
    case "quarantine":
      return { kind, news: validated(quarantineNewsSchema, fields, kind) };
    case "mended":
      return { kind, mended: validated(mendedSchema, fields, kind) };
    case "refuse":
    case "bye":
      if (fields.length !== 3) bad(`a ${kind} frame has 3 fields, not ${fields.length}`);
      return { kind, ...validated(refusalSchema, [kind, { code: fields[1], message: fields[2] }], kind) };
    case "ping":
    case "pong": {
      const token = fields[1];
      if (fields.length !== 2 || typeof token !== "number" || !Number.isSafeInteger(token) || token < 0) return bad(`a ${kind} frame is malformed`);
      return { kind, token };
    }
    case "copy": {
      const [, fromSeq, why] = fields;
      if (fields.length !== 3 || !(fromSeq === null || isSeq(fromSeq)) || typeof why !== "string" || why.length > WHY_MAX)
        return bad("a copy frame is malformed");
      return { kind, claim: { fromSeq, why } };
    }
    case "pause": {
      const [, pause, sinceMs] = fields;
      if (fields.length !== 3 || !(pause === "no" || pause === "pending" || pause === "paused") || !isTimeMs(sinceMs)) return bad("a pause frame is malformed");
      return { kind, pause: { pause, sinceMs } };
    }
    case "join": {
      const key = fields[1];
      if (fields.length !== 2 || !Buffer.isBuffer(key) || key.length !== JOIN_KEY_BYTES) return bad("a join frame is malformed");
      return { kind, key };
    }
    case "joined":
      return fields.length === 1 ? { kind } : bad("a joined frame is malformed");
    case "probe": {
      const nonce = fields[1];
      if (fields.length !== 2 || !Buffer.isBuffer(nonce) || nonce.length !== NONCE_BYTES) return bad("a probe frame is malformed");
      return { kind, nonce };
    }
    case "goodbye": {
      const key = connectionKeySchema.safeParse(fields[1]);
      if (fields.length !== 2 || !key.success) return bad("a goodbye frame is malformed");
      return { kind, connectionKey: key.data };
    }
    default:
      return bad(`frame kind ${JSON.stringify(kind)} is unknown`);
  }
}

function validated<T>(schema: z.ZodType<T>, fields: readonly unknown[], kind: string): T {
  if (fields.length !== 2) bad(`a ${kind} frame has 2 fields, not ${fields.length}`);
  const parsed = schema.safeParse(fields[1]);
  return parsed.success ? parsed.data : bad(`a ${kind} frame is malformed: ${z.prettifyError(parsed.error).slice(0, 1000)}`);
}

/** What a Date can be made of. */
function decodePart(fields: readonly unknown[], piece: Buffer): Frame {
  const bytesTotal = fields[1];
  if (fields.length !== 2 || typeof bytesTotal !== "number" || !Number.isSafeInteger(bytesTotal) || piece.length === 0) return bad("a part frame is malformed");
  if (bytesTotal <= piece.length || bytesTotal > SET_FRAME_BYTES_MAX) bad(`a part of ${piece.length} bytes claims a message of ${bytesTotal}`);
  return { kind: "part", bytesTotal, piece };
}

function decodeStripe(fields: readonly unknown[], piece: Buffer): Frame {
  const [, number, bytesTotal] = fields;
  if (fields.length !== 3 || !isSeq(number) || number === 0 || !isSeq(bytesTotal) || piece.length === 0) return bad("a stripe frame is malformed");
  if (bytesTotal < piece.length || bytesTotal > SET_FRAME_BYTES_MAX) bad(`a stripe of ${piece.length} bytes claims a message of ${bytesTotal}`);
  return { kind: "stripe", number, bytesTotal, piece };
}

function decodePacked(kind: Packing, fields: readonly unknown[], block: Buffer): Frame {
  const rawBytes = fields[1];
  if (fields.length !== 2 || typeof rawBytes !== "number" || !Number.isSafeInteger(rawBytes)) return bad(`a ${kind} frame is malformed`);
  if (rawBytes < PACKED_RAW_BYTES_MIN || rawBytes > SET_FRAME_BYTES_MAX) {
    bad(`a ${kind} frame claims ${rawBytes} bytes, a compressed set has ${PACKED_RAW_BYTES_MIN} to ${SET_FRAME_BYTES_MAX}`);
  }
  const isOfLz4Length = kind !== "lz4" || (block.length >= 4 && block.readUInt32LE(0) === rawBytes);
  if (!isOfLz4Length || block.length > rawBytes || rawBytes > block.length * PACKED_RATIO_MAX) bad(`the length of a ${kind} frame does not fit its block`);
  return { kind, rawBytes, block };
}
