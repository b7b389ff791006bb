import { SmError } from "../../base/errors.js";
import type { GuardChange, GuardSetting } from "../../model/connection-spec.js";

const FIELDS = { lost: "guard", changed: "guardChanged" } as const;

/** "20" (of lost files), "20%", "lost=20,changed=50", "changed=off"; "off" and "configured" alone = both limits. */
export function parseGuard(what: string, text: string): GuardChange {
  if (text === "off" || text === "configured") return { guard: text, guardChanged: text };
  if (!text.includes("=")) return { guard: settingOf(what, text) };
  const fields = text.split(",").map((part) => {
    const [name = "", value = ""] = part.split("=");
    if (!Object.hasOwn(FIELDS, name)) throw wrong(what, text);
    return [FIELDS[name as keyof typeof FIELDS], settingOf(what, value)] as const;
  });
  if (new Set(fields.map(([name]) => name)).size !== fields.length) throw wrong(what, text);
  return Object.fromEntries(fields);
}

function settingOf(what: string, text: string): GuardSetting {
  if (text === "off" || text === "configured") return text;
  const percent = Number(/^(\d{1,3})%?$/.exec(text)?.[1] ?? Number.NaN);
  if (percent >= 1 && percent <= 100) return percent;
  throw wrong(what, text);
}

function wrong(what: string, text: string): SmError {
  const forms = "a percentage from 1 to 100, off, or configured (as guard.lostPercent says), or such as lost=20,changed=50";
  return new SmError("USAGE", `${what} is ${JSON.stringify(text)}, but must be ${forms}`);
}
