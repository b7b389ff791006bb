// What is said of a source whose events come with write ranges, or of why they do not.

import type { LiveContent } from "../capture/live-content.js";
import type { CaptureCoverage } from "../model/capture-port.js";

const MAPPED = "stores through a shared memory mapping are shipped some 100 ms after the first into a page, and are no part of a consistent cut";

/** `why`: there are no ranges for this reason. */
export function coverageWithRanges(coverage: CaptureCoverage, content: LiveContent | null, why: string): CaptureCoverage {
  if (content === null) return { ...coverage, why: `${coverage.why} (no write ranges: ${why})` };
  const { events, lost, mapped, blindSpots } = content.figures;
  const kinds = [...new Set(content.volumes.map(({ volume }) => volume.kind))];
  const isBtrfs = kinds.includes("btrfs");
  const precision = isBtrfs ? "to 4 KiB" : "exactly";
  const mappings = mapped === 0 ? "" : `; ${mapped} files are mapped for writing now`;
  return {
    ...coverage,
    tier: isBtrfs ? 2 : 1,
    source: "fanotify + tracefs",
    why: `${coverage.why}; trace events of ${kinds.join(", ")} tell which bytes were written ${precision}, so that change sets are consistent cuts${mappings}`,
    blindSpots: [...coverage.blindSpots.filter((text) => !isAboutContent(text)), ...blindSpots, MAPPED],
    events: coverage.events + events,
    losses: coverage.losses + lost,
  };
}

/** What is true of a source without ranges only. */
function isAboutContent(blindSpot: string): boolean {
  return blindSpot.startsWith("changed ranges are found") || blindSpot.startsWith("asynchronous writes") || blindSpot.startsWith("stores through");
}
