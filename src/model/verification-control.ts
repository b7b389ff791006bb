// What persons say about verifications that begin by themselves.

import type { VerifyPlanReport, VerifyScheduleChange } from "./verify-schedule.js";

export interface VerificationControl {
  showSchedule(id: number): Promise<VerifyPlanReport>;
  /** Null = none any more. */
  setSchedule(id: number, change: VerifyScheduleChange | null): Promise<VerifyPlanReport>;
}
