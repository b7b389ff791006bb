import type { Credits } from "../capture/credits.js";
import type { MirrorJob } from "../jobs/mirror-job.js";
import type { MirrorCounts } from "../model/source-messages.js";

export function countsOf({ progress, options }: MirrorJob, credits: Credits): MirrorCounts {
  const { filesTotal, bytesTotal, filesDone, filesSkipped, bytesDone, bytesSkipped, orphans, removed, orphanNames } = progress;
  const { leftAlone, leftEmpty, leftAloneNames } = progress;
  const counts = {
    filesTotal,
    bytesTotal,
    filesDone,
    filesSkipped,
    bytesDone,
    bytesSkipped,
    orphans,
    removed,
    orphanNames,
    leftAlone,
    leftEmpty,
    leftAloneNames,
  };
  return { ...counts, percent: progress.percent, waitingBytes: credits.waitingBytes(options.connectionId) };
}
