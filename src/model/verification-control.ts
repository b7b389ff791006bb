// What persons say about verifications that begin by themselves.

import type { ScrubChange, ScrubReport } from "./scrub.js";
import type { VerifyPlanReport, VerifyScheduleChange } from "./verify-schedule.js";

export interface VerificationControl {
  showSchedule(id: number): Promise<VerifyPlanReport>;
  /** Null = none any more. */
  setSchedule(id: number, change: VerifyScheduleChange | null): Promise<VerifyPlanReport>;
  showScrub(id: number): Promise<ScrubReport>;
  /** What is not named stays; null = none any more. */
  setScrub(id: number, change: ScrubChange | null): Promise<ScrubReport>;
}
