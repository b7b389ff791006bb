// Progress of a mirror for people: a bar that is redrawn on a terminal, lines at intervals otherwise.

import type { MirrorReport } from "../../model/status.js";
import { formatMirrorCounts, outlookOf } from "../format/mirror-text.js";
import { formatPercent } from "../format/quantities.js";

export interface Progress {
  update(mirror: MirrorReport): void;
  close(): void;
}

export interface ProgressOptions {
  readonly stream: NodeJS.WriteStream;
  readonly isSilent: boolean;
}

const LINE_INTERVAL_MS = 2_000;
const BAR_WIDTH = 24;

export async function openProgress(options: ProgressOptions): Promise<Progress> {
  if (options.isSilent) return { update: () => undefined, close: () => undefined };
  return options.stream.isTTY ? openBar(options.stream) : openLines(options.stream);
}

/** "12/300 files, 1.2 of 3.4 GiB, 288 files and 2.2 GiB to go, 34 MiB/s, 12 s left" */
export function progressDetail(mirror: MirrorReport): string {
  return [formatMirrorCounts(mirror), ...outlookOf(mirror)].join(", ");
}

async function openBar(stream: NodeJS.WriteStream): Promise<Progress> {
  const { default: cliProgress } = await import("cli-progress");
  const bar = new cliProgress.SingleBar({
    stream,
    format: "{phase} [{bar}] {shown}  {detail}",
    barsize: BAR_WIDTH,
    fps: 5,
    hideCursor: false,
    emptyOnZero: true,
  });
  let isStarted = false;
  return {
    update: (mirror) => {
      const detail = progressDetail(mirror);
      const payload = { phase: mirror.outcome === "running" ? mirror.status : (mirror.outcome ?? mirror.status), shown: formatPercent(mirror.percent), detail };
      if (isStarted) bar.update(mirror.percent ?? 0, payload);
      else bar.start(100, mirror.percent ?? 0, payload);
      isStarted = true;
    },
    close: () => bar.stop(),
  };
}

function openLines(stream: NodeJS.WriteStream): Progress {
  let nextAtMs = 0;
  return {
    update: (mirror) => {
      const nowMs = performance.now();
      if (nowMs < nextAtMs) return;
      nextAtMs = nowMs + LINE_INTERVAL_MS;
      stream.write(`${mirror.status} ${formatPercent(mirror.percent)}, ${progressDetail(mirror)}\n`);
    },
    close: () => undefined,
  };
}
