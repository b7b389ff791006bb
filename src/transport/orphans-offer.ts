// Whether a target understands orphans changes is said in its answer to the upgrade, as what it reads is (compression-offer): a version
// before them would end the channel at the first.

export const ORPHANS_HEADER = "sm-orphans";
export const ORPHANS_OFFER = "1";

export function readOrphansOffer(value: string | readonly string[] | undefined): boolean {
  return value === ORPHANS_OFFER;
}
