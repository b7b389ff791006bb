import type { SourceChannel } from "../model/channel-port.js";
import type { SourceConnectionOptions } from "./connection-options.js";
import type { ReplicationSwitch } from "./replication-switch.js";
import { SetSender, type SetSenderOptions } from "./set-sender.js";
import type { TaskDuty } from "./task-duty.js";
import type { Transmission } from "./transmission.js";

/** The connection as its sender sees it. */
export interface SendingConnection extends Pick<SetSenderOptions, "guard" | "counts"> {
  readonly id: number;
  readonly options: SourceConnectionOptions;
  readonly transmission: Transmission;
  readonly tasks: TaskDuty;
  readonly replication: ReplicationSwitch;
}

/** What sends the sets behind `sentSeq` to the channel. */
export function senderOf(connection: SendingConnection, channel: SourceChannel, sentSeq: number): SetSender {
  const { id, options, guard, counts, transmission, tasks, replication } = connection;
  return new SetSender({
    connectionId: id,
    journal: options.journal,
    channel,
    sentSeq,
    windowBytes: options.windowBytes,
    passesOver: (record) => replication.passesOver(record),
    onPassedOver: (seq, goneSeq) => replication.wasPassed(seq, goneSeq),
    guard,
    counts,
    gate: transmission,
    onMirrorSent: (seq) => transmission.mirrorSent(seq),
    onSend: ({ bytes }) => options.places.follow(bytes),
    mayGo: (seq, signal) => tasks.mayGo(seq, signal),
  });
}
