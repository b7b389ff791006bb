// What a wait without a limit gives up, and what it goes on for.

import { expect, test } from "vitest";
import type { Reason } from "../../src/model/status.js";
import { StuckWatch, whyStuck } from "../../src/model/stuck-connection.js";

const reason = (code: string, command: string | null = "sm x"): Reason => ({
  ...{ code, message: "m", object: "", since: "2026-01-01T00:00:00.000Z", next: "n", nextAt: null, command },
});

test.each([
  ["halted", [reason("PEER_MISMATCH")], true],
  ["halted", [reason("RESTORE_REQUIRED", "sm restore start data --from b")], true],
  ["held", [reason("GUARD_HELD")], true],
  ["held", [reason("TRANSMISSION_STOPPED")], true],
  ["halted", [], true],
  ["halted", [reason("RESTORE_REQUIRED", "sm job list")], false],
  ["halted", [reason("ROOT_MISSING")], false],
  ["held", [reason("TRANSMISSION_SCHEDULED")], false],
  ["streaming", [reason("TRANSMISSION_PAUSED")], false],
  ["streaming", [reason("TARGET_PAUSED")], false],
  ["backingOff", [reason("CHANNEL_LOST")], false],
  ["streaming", [], false],
] as const)("%s with %j needs a person: %s", (state, reasons, isStuck) => {
  expect(whyStuck({ id: 1, state, reasons }) !== null).toBe(isStuck);
});

test("what is over within a moment is no end", () => {
  const watch = new StuckWatch("it");
  const [stuck, fine] = [{ id: 1, state: "halted", reasons: [reason("X")] } as const, { id: 1, state: "streaming", reasons: [] } as const];
  watch.look(stuck, 0);
  watch.look(stuck, 9_000);
  watch.look(fine, 9_500);
  watch.look(stuck, 10_000);
  watch.look(stuck, 19_000);
  expect(() => watch.look(stuck, 20_000)).toThrow(expect.objectContaining({ code: "DONE_WITH_PROBLEMS", message: expect.stringContaining("m; n (`sm x`)") }));
});
