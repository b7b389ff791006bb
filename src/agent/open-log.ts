import type { Config } from "../config/config.js";
import { DatagramSocket } from "../fs/datagram-socket.js";
import type { Reason } from "../model/status.js";
import { AgentLog } from "../observe/agent-log.js";

export function openLog({ logDir, log }: Config): AgentLog {
  const { system, systemSocket, maxFileMiB, ...others } = log;
  const connect = system === "off" ? null : () => DatagramSocket.connect(systemSocket);
  return AgentLog.open({ ...others, directory: logDir, maxFileBytes: maxFileMiB * 1024 * 1024, system: connect });
}

/** Why the log is not fine; none = it is. */
export function logReasons({ fault, directory }: Pick<AgentLog, "fault" | "directory">): readonly Reason[] {
  if (fault === null) return [];
  const next = "lines are kept in memory for a while, and written as soon as that is possible";
  return [{ code: "FS_IO", ...fault, object: directory, next, nextAt: null, command: null }];
}
