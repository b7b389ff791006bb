// Progress of a mirror for people: a bar that is redrawn on a terminal, lines at intervals otherwise.

import type { MirrorReport } from "../../model/status.js";
import { formatMirrorCounts } from "../format/mirror-text.js";
import { formatBytes, formatDuration, formatPercent } from "../format/quantities.js";
import { RateMeter } from "./rate-meter.js";

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

/** "12/300 files, 1.2 of 3.4 GiB, 34 MiB/s, 12 s left" */
export function progressDetail(mirror: MirrorReport, bytesPerSecond: number): string {
  const left = mirror.bytesTotal - mirror.bytesDone - mirror.bytesSkipped;
  const parts = [formatMirrorCounts(mirror), `${formatBytes(Math.max(0, bytesPerSecond))}/s`];
  if (left > 0 && bytesPerSecond > 0 && mirror.outcome === "running") parts.push(`${formatDuration((left / bytesPerSecond) * 1000)} left`);
  return parts.join(", ");
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
  const meter = new RateMeter();
  let isStarted = false;
  return {
    update: (mirror) => {
      const detail = progressDetail(mirror, meter.add(mirror.bytesDone + mirror.bytesSkipped, performance.now()));
      const payload = { phase: mirror.outcome === "running" ? mirror.status : (mirror.outcome ?? mirror.status), shown: formatPercent(mirror.percent), detail };
      if (isStarted) bar.update(mirror.percent ?? 0, payload);
      else bar.start(100, mirror.percent ?? 0, payload);
      isStarted = true;
    },
    close: () => bar.stop(),
  };
}

function openLines(stream: NodeJS.WriteStream): Progress {
  const meter = new RateMeter();
  let nextAtMs = 0;
  return {
    update: (mirror) => {
      const nowMs = performance.now();
      const rate = meter.add(mirror.bytesDone + mirror.bytesSkipped, nowMs);
      if (nowMs < nextAtMs) return;
      nextAtMs = nowMs + LINE_INTERVAL_MS;
      stream.write(`${mirror.status} ${formatPercent(mirror.percent)}, ${progressDetail(mirror, rate)}\n`);
    },
    close: () => undefined,
  };
}
