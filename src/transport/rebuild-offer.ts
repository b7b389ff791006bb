// Whether a target understands index and rebuild changes is said in its answer to the upgrade, as what it reads is (compression-offer): a
// version before them would end the channel at the first.

export const REBUILD_HEADER = "sm-rebuild";
export const REBUILD_OFFER = "1";

export function readRebuildOffer(value: string | readonly string[] | undefined): boolean {
  return value === REBUILD_OFFER;
}
