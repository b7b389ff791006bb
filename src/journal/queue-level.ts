// How full a disk queue is, and whether that is worth an alert. Pure.

export interface QueueRoom {
  readonly diskBytes: number;
  /** null = no limit but the volume's. */
  readonly diskBytesMax: number | null;
  /** Free on the volume; null = not known. */
  readonly freeBytes: number | null;
  readonly minFreeBytes: number;
}

/** Percent of what the queue may take; null when there is neither a limit nor a volume that can be asked. */
export function fillPercent({ diskBytes, diskBytesMax, freeBytes, minFreeBytes }: QueueRoom): number | null {
  const byVolume = freeBytes === null ? Number.POSITIVE_INFINITY : diskBytes + Math.max(0, freeBytes - minFreeBytes);
  const room = Math.min(diskBytesMax ?? Number.POSITIVE_INFINITY, byVolume);
  if (room === Number.POSITIVE_INFINITY) return null;
  if (room === 0) return 100;
  return Math.min(100, (diskBytes / room) * 100);
}

const CALM_POINTS = 10;

/** An alert that began ends well below the mark: a queue that hovers there is told of once. */
export function isAlerting(wasAlerting: boolean, percent: number | null, alertPercent: number): boolean {
  if (alertPercent === 0) return false;
  if (percent === null) return wasAlerting;
  const mark = wasAlerting ? Math.max(alertPercent - CALM_POINTS, alertPercent / 2) : alertPercent;
  return percent >= mark;
}
