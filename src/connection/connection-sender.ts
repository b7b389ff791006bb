import type { SourceChannel } from "../model/channel-port.js";
import type { SourceConnectionOptions } from "./connection-options.js";
import type { ConnectionRecord } from "./connection-record.js";
import { SetSender, type SetSenderOptions } from "./set-sender.js";
import type { TaskDuty } from "./task-duty.js";
import type { Transmission } from "./transmission.js";

/** The connection as its sender sees it. */
export interface SendingConnection extends Pick<SetSenderOptions, "guard" | "counts"> {
  readonly id: number;
  readonly options: SourceConnectionOptions;
  readonly record: ConnectionRecord;
  readonly transmission: Transmission;
  readonly tasks: TaskDuty;
}

/** What sends the sets behind `sentSeq` to the channel. */
export function senderOf(connection: SendingConnection, channel: SourceChannel, sentSeq: number): SetSender {
  const { id, options, record, guard, counts, transmission, tasks } = connection;
  return new SetSender({
    connectionId: id,
    journal: options.journal,
    channel,
    sentSeq,
    windowBytes: options.windowBytes,
    mirrorOnly: !record.options.replicate,
    guard,
    counts,
    gate: transmission,
    onMirrorSent: (seq) => transmission.mirrorSent(seq),
    onSend: ({ bytes }) => options.places.follow(bytes),
    mayGo: (seq, signal) => tasks.mayGo(seq, signal),
  });
}
