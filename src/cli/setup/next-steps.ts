// What is done after the set-up, in this order.

import type { SetupResult } from "../format/setup-text.js";
import { groupCommand } from "./system-groups.js";

export interface SetUpPlace {
  /** Of the program: where its unit lies. */
  readonly root: string;
  /** The directories of an installed system, on a system that systemd runs. */
  readonly hasUnit: boolean;
  /** What the other commands need to find these directories: "SM_HOME=/x ", " --config-dir /x", or nothing. */
  readonly prefix: string;
  readonly suffix: string;
  readonly listen: string;
  readonly missingGroups: readonly string[];
}

export function nextSteps({ root, hasUnit, prefix, suffix, listen, missingGroups }: SetUpPlace): SetupResult["next"] {
  const sm = (words: string): string => `${prefix}sm ${words}${suffix}`;
  const isLocal = /^(127\.|\[::1\]|localhost:)/.test(listen);
  const unit = `install -m 644 ${root}/config/sm-agent.service /etc/systemd/system/ && systemctl daemon-reload && systemctl enable --now sm-agent`;
  return [
    ...(missingGroups.length === 0 ? [] : [{ command: groupCommand(missingGroups), purpose: "else root alone may use the agent" }]),
    ...(isLocal ? [{ command: sm("config set server.listen HOST:PORT"), purpose: "on a target: now no other machine reaches it" }] : []),
    hasUnit ? { command: unit, purpose: "start the agent, now and with the system" } : { command: sm("agent run"), purpose: "start the agent" },
    { command: `${sm("peer bootstrap create")} > token`, purpose: "on the target: pair it; then `sm peer bootstrap import - < token` on the source" },
  ];
}
