import type { ApiCommands } from "../../control/api.js";

export function formatPreview({ event, isUtc, times }: ApiCommands["schedule.preview"]["output"]): string {
  if (times.length === 0) return `${event}: never`;
  return times.map(({ at, local }) => (isUtc ? at : `${local}  (${at})`)).join("\n");
}
