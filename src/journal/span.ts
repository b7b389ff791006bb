/** A range of sequence numbers, both ends included. */
export interface Span {
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** The same numbers as ordered, disjoint spans; beyond `spansMax` the nearest neighbours are joined (coarser, never less). */
export function mergeSpans(spans: readonly Span[], spansMax: number): Span[] {
  const sorted = [...spans].sort((a, b) => a.fromSeq - b.fromSeq);
  const merged: Span[] = [];
  for (const span of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && span.fromSeq <= last.toSeq + 1) merged[merged.length - 1] = { fromSeq: last.fromSeq, toSeq: Math.max(last.toSeq, span.toSeq) };
    else merged.push(span);
  }
  while (merged.length > spansMax) joinNearest(merged);
  return merged;
}

function joinNearest(spans: Span[]): void {
  let best = 1;
  for (let i = 2; i < spans.length; i++) if (gapBefore(spans, i) < gapBefore(spans, best)) best = i;
  const [left, right] = [spans[best - 1], spans[best]];
  if (left === undefined || right === undefined) return;
  spans.splice(best - 1, 2, { fromSeq: left.fromSeq, toSeq: right.toSeq });
}

function gapBefore(spans: readonly Span[], index: number): number {
  return (spans[index]?.fromSeq ?? Number.POSITIVE_INFINITY) - (spans[index - 1]?.toSeq ?? 0);
}
