// The whole agent as files: what is in force, the replication sets, the connections as files of connections.d. Nothing secret is
// in any of them: keys and pairings are of the state directory.

import { yamlText } from "../base/yaml-text.js";
import { CONNECTION_DIRECTORY } from "../config/check-files.js";
import { ALL_FIELDS } from "../config/config-fields.js";
import { connectionFileOf, connectionFileText } from "../config/connection-file.js";
import { CONFIG_FILE } from "../config/load-config.js";
import { formatRepsetFile } from "../config/repset-file.js";
import { REPSET_DIRECTORY } from "../config/repset-store.js";
import type { ConnectionRecord } from "../connection/connection-record.js";
import type { ConfigExport } from "../model/config-control.js";
import type { Hook } from "../model/hook.js";
import type { RepsetData } from "../model/rule.js";
import type { HooksOf } from "./connection-plan.js";

export interface ExportInput {
  /** By key. */
  readonly read: (key: string) => unknown;
  readonly repsets: readonly RepsetData[];
  readonly records: readonly ConnectionRecord[];
  readonly hooksOf: HooksOf;
}

type Contents = Record<string, unknown>;

export function exportConfig({ read, repsets, records, hooksOf }: ExportInput): ConfigExport {
  const main: Record<string, Contents> = {};
  for (const { key, section, name } of ALL_FIELDS) main[section] = { ...main[section], [name]: read(key) };
  const sets: Contents = Object.fromEntries(repsets.map(({ name, generation, rules }) => [name, { generation, rules }]));
  const connections: Record<string, Contents> = {};
  for (const record of records) connections[fileNameOf(record, connections)] = connectionFileOf(describedBy(record, hooksOf(record.id) ?? []));
  const document = { [CONFIG_FILE]: main, [REPSET_DIRECTORY]: sets, [CONNECTION_DIRECTORY]: connections };
  const files = [
    { path: CONFIG_FILE, text: yamlText(main) },
    ...repsets.map((repset) => ({ path: `${REPSET_DIRECTORY}/${repset.name}.yaml`, text: formatRepsetFile(repset, undefined) })),
    ...Object.entries(connections).map(([name, file]) => ({ path: `${CONNECTION_DIRECTORY}/${name}.yaml`, text: connectionFileText(file) })),
  ];
  return { document, text: yamlText(document), files };
}

function describedBy(record: ConnectionRecord, hooks: readonly Hook[]): Parameters<typeof connectionFileOf>[0] {
  const { repset, peer, mappings, options, transmission, verifyPlan, scrub } = record;
  return {
    ...{ repset, target: peer, isSimulated: record.isSimulated === true, mappings, options },
    schedule: transmission?.schedule ?? null,
    limit: transmission?.limit ?? { standing: null, times: [] },
    verify: verifyPlan?.schedule ?? null,
    scrub: scrub?.settings ?? null,
    hooks,
  };
}

/** Its own file, or one named after what it joins: letters that a file's name may not have are left out. */
function fileNameOf({ id, file, repset, peer }: ConnectionRecord, taken: Contents): string {
  if (file !== undefined && !Object.hasOwn(taken, file)) return file;
  const name = `${repset}-${peer}`.replaceAll(/[^A-Za-z0-9_-]/g, "-").slice(0, 200);
  return Object.hasOwn(taken, name) ? `${name}-${id}` : name;
}
