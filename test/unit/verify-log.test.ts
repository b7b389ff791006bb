import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { VerifyLog } from "../../src/observe/verify-log.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test("a file of whatever time is logged: anybody may set one that no Date can hold", () => {
  const log = new VerifyLog({ directory: makeTempDirectory(), repset: "data", name: "SMVerify.log", append: true, bytesMax: 100_000, log: silentLog });
  const facts = { size: 1, mode: 0o644 };
  const source = { ...facts, mtimeSec: 99_999_999_999_999, mtimeNsec: 5 } as Parameters<VerifyLog["finding"]>[1]["source"];
  const target = { ...facts, mtimeSec: 1_700_000_000, mtimeNsec: 7 } as typeof source;
  log.finding("/srv/f", { why: "content", type: "file", source, target, differingBytes: 1, isRepaired: false } as Parameters<VerifyLog["finding"]>[1]);
  expect(readFileSync(log.path, "utf8")).toContain("TimeStamp = 99999999999999.000000005, Size = 1");
  expect(readFileSync(log.path, "utf8")).toContain("TimeStamp = 2023-11-14T22:13:20.000000007Z, Size = 1");
});
