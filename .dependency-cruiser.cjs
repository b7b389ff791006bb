// The table of folders (docs/architecture.md) as rules: what each folder of src/ may import of ours.
// A folder may always import from itself. Whatever is not listed is an error.

const FOLDERS = {
  base: [],
  model: ["base"],
  config: ["base", "model"],
  fs: ["base", "model"],
  capture: ["base", "model", "fs"],
  journal: ["base", "model", "fs"],
  apply: ["base", "model", "fs"],
  transport: ["base", "model"],
  connection: ["base", "model", "capture", "journal", "transport", "apply"],
  jobs: ["base", "model", "fs"],
  failover: ["base", "model", "jobs"],
  control: ["base", "model", "config"],
  observe: ["base", "model"],
  agent: ["base", "model", "config", "fs", "capture", "journal", "apply", "transport", "connection", "jobs", "failover", "control", "observe"],
};

/** Packages that only some places may use: a seam each. */
const PACKAGES = {
  ws: "^src/(transport|control/http)",
  koffi: "^src/fs/",
  chokidar: "^src/capture/",
  "@oclif/core": "^src/cli/",
  "cli-progress": "^src/cli/",
  ink: "^src/cli/screen/",
  react: "^src/cli/screen/",
  fastify: "^src/control/http",
};

const CONTROL_API = "^src/control/api([.]ts$|/)";
/** What reads the log without an agent: the reader of the agent, loaded when it is needed. */
const LOG_COMMAND = "^src/cli/commands/log[.]ts$";
const LOG_READER = "^src/observe/log-reader[.]ts$";
/** What is checked, made, changed, or printed, without an agent. */
const CONFIG_COMMANDS = "^src/cli/(commands/config/(check|schema)|commands/setup|config-edit)[.]ts$";
const AGENT_COMMAND = "^src/cli/commands/agent/run[.]ts$";

const folderRules = Object.entries(FOLDERS).map(([folder, allowed]) => ({
  name: `${folder}-imports`,
  comment: `${folder} may import ${allowed.length === 0 ? "nothing of ours" : allowed.join(", ")}`,
  severity: "error",
  from: { path: `^src/${folder}/` },
  to: { path: "^src/", pathNot: `^src/(${[folder, ...allowed].join("|")})/` },
}));

const packageRules = Object.entries(PACKAGES).map(([name, place]) => ({
  name: `only-one-seam-uses-${name.replace(/\W+/g, "-")}`,
  comment: `${name} is used below ${place} only`,
  severity: "error",
  from: { path: "^src/", pathNot: place },
  to: { path: `(^|/)node_modules/(@types/)?${name}/` },
}));

module.exports = {
  forbidden: [
    ...folderRules,
    ...packageRules,
    {
      name: "cli-imports",
      comment: "cli may import base, model, script and the types of control/api; one command starts the agent, two read files without one",
      severity: "error",
      from: { path: "^src/cli/", pathNot: [AGENT_COMMAND, LOG_COMMAND, CONFIG_COMMANDS] },
      to: { path: "^src/", pathNot: ["^src/(cli|base|model|script)/", CONTROL_API] },
    },
    {
      name: "log-command-imports",
      comment: "the command that shows the log may import what cli may, and the reader of the log",
      severity: "error",
      from: { path: LOG_COMMAND },
      to: { path: "^src/", pathNot: ["^src/(cli|base|model|script)/", CONTROL_API, LOG_READER] },
    },
    {
      name: "agent-command-imports",
      comment: "the command that runs the agent may import what cli may, and agent",
      severity: "error",
      from: { path: AGENT_COMMAND },
      to: { path: "^src/", pathNot: ["^src/(cli|base|model|script|agent)/", CONTROL_API] },
    },
    {
      name: "agent-is-imported-dynamically",
      comment: "the agent's code is loaded by `sm agent run` alone, and only when that command runs",
      severity: "error",
      from: { path: "^src/cli/" },
      to: { path: "^src/agent/", dependencyTypesNot: ["dynamic-import", "type-only"] },
    },
    {
      name: "config-command-imports",
      comment:
        "the commands that check files, make and change them without an agent, and print their schemas do so with the agent's own code, or they would not agree with it",
      severity: "error",
      from: { path: CONFIG_COMMANDS },
      to: { path: "^src/", pathNot: ["^src/(cli|base|model|script|config)/", CONTROL_API] },
    },
    {
      name: "config-is-imported-dynamically",
      comment: "only when one of these commands runs: all others start without it",
      severity: "error",
      from: { path: "^src/cli/" },
      to: { path: "^src/config/", dependencyTypesNot: ["dynamic-import", "type-only"] },
    },
    {
      name: "screen-is-imported-dynamically",
      comment: "what draws the live view is loaded when that view opens, and by no other command",
      severity: "error",
      from: { path: "^src/cli/", pathNot: "^src/cli/screen/" },
      to: { path: "^src/cli/screen/", dependencyTypesNot: ["dynamic-import", "type-only"] },
    },
    {
      name: "script-imports",
      comment: "script may import base, model and the types of control/api",
      severity: "error",
      from: { path: "^src/script/" },
      to: { path: "^src/", pathNot: ["^src/(script|base|model)/", CONTROL_API] },
    },
    {
      name: "control-api-types-only",
      comment: "faces know the API by its types",
      severity: "error",
      from: { path: "^src/(script|cli|console)/" },
      to: { path: CONTROL_API, dependencyTypesNot: ["type-only"] },
    },
    {
      name: "console-imports",
      comment: "the browser application knows the API by its types, and nothing else of ours",
      severity: "error",
      from: { path: "^src/console/" },
      to: { path: "^src/", pathNot: ["^src/console/", CONTROL_API] },
    },
    {
      name: "no-unknown-folder",
      comment: "every file of src/ lies in a folder of the table",
      severity: "error",
      from: { path: "^src/", pathNot: `^src/(${[...Object.keys(FOLDERS), "script", "cli", "console"].join("|")})/` },
      to: {},
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "no-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    { name: "no-test-code", severity: "error", from: { path: "^src/" }, to: { path: "^(test|bench|scripts)/" } },
    {
      name: "no-development-packages",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"], pathNot: "node_modules/@types/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"], extensions: [".ts", ".js", ".json"] },
    moduleSystems: ["es6", "cjs"],
  },
};
