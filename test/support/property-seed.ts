// Properties draw the same cases in each run, so that a run says something of the change and not of its luck. SM_TEST_SEED draws others.

import fc from "fast-check";

fc.configureGlobal({ seed: Number(process.env.SM_TEST_SEED ?? 1) });
