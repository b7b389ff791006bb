import { expect, test } from "vitest";
import { readSocketsOffer } from "../../src/transport/socket-offer.js";
import { LOOKS_BACKED_UP, type PathView, planSockets } from "../../src/transport/socket-plan.js";

const LONG: PathView = { rule: "automatic", offered: 16, roundTripMs: 100, looksBackedUp: LOOKS_BACKED_UP, open: 1, held: "" };

const cases: readonly [string, Partial<PathView>, number, RegExp][] = [
  ["a long path that is backed up", {}, 8, /100 ms, and there was more to send than one takes/],
  ["a path of 25 ms", { roundTripMs: 25 }, 2, /25 ms/],
  ["a path of 50 ms", { roundTripMs: 50 }, 4, /50 ms/],
  ["a path around the world", { roundTripMs: 600 }, 8, /600 ms/],
  ["a short path", { roundTripMs: 19 }, 1, /19 ms, one is enough/],
  ["a path that is not measured", { roundTripMs: 0 }, 1, /not measured yet/],
  ["a long path with little to send", { looksBackedUp: LOOKS_BACKED_UP - 1 }, 1, /one takes all/],
  ["a target that takes three", { offered: 3 }, 3, /100 ms/],
  ["an older target", { offered: 1 }, 1, /older/],
  ["an older target, whatever is wanted", { offered: 1, rule: 8 }, 1, /older/],
  ["several that are open stay, with nothing to send", { open: 8, looksBackedUp: 0 }, 8, /more to send than fewer take/],
  ["several that are open stay, on what turned out to be a shorter path", { open: 8, roundTripMs: 30 }, 8, /30 ms/],
  ["more, when those there are do not take it all", { open: 2 }, 8, /100 ms/],
  ["none more after a loss", { held: "one was lost" }, 1, /^one was lost$/],
  ["one, by a person's word", { rule: 1 }, 1, /transport.sockets is 1/],
  ["four, by a person's word", { rule: 4, roundTripMs: 1, looksBackedUp: 0 }, 4, /^transport.sockets is 4$/],
  ["four, which the target does not take", { rule: 4, offered: 3 }, 3, /transport.sockets is 4/],
  ["four, which cannot be had", { rule: 4, open: 2, held: "no further one" }, 2, /is 4; no further one/],
];

test.each(cases)("%s", (_what, part, wanted, why) => {
  const plan = planSockets({ ...LONG, ...part });
  expect(plan.wanted).toBe(wanted);
  expect(plan.why).toMatch(why);
});

test("the offer of a target is a number within limits, and 1 where there is none", () => {
  expect([undefined, "", "x", "0", "4", "16", "99", "1e3", "12345", ["4", "5"]].map((value) => readSocketsOffer(value))).toEqual([
    1, 1, 1, 1, 4, 16, 16, 1, 1, 1,
  ]);
});
