// What an account of this machine can get out of an agent. Run by node as that account; takes a JSON of what to try as its
// argument, prints what happened as JSON. It is plain JavaScript without imports of ours, for it runs where our files cannot be read.

import { closeSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { request as secureRequest } from "node:https";
import { join } from "node:path";

const { sockets, calls, tcp, files, directories } = JSON.parse(process.argv[2]);

/** The code of the error, "ok", or the code that the system gave. */
function call(socketPath, { name, input }) {
  const body = JSON.stringify(input);
  return new Promise((resolve) => {
    const outgoing = request({ socketPath, method: "POST", path: `/api/v1/${name.replaceAll(".", "/")}`, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece) => {
        text += piece;
      });
      response.on("end", () => resolve(response.statusCode === 200 ? "ok" : JSON.parse(text).error.code));
    });
    outgoing.on("error", (error) => resolve(error.code));
    outgoing.end(body);
  });
}

function overTcp({ host, port }, path, headers = {}) {
  return new Promise((resolve) => {
    const outgoing = secureRequest({ host, port, path, headers, method: "GET", rejectUnauthorized: false, agent: false }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode));
    });
    outgoing.on("upgrade", () => resolve("upgraded"));
    outgoing.on("error", (error) => resolve(error.code));
    outgoing.end();
  });
}

function outcome(attempt) {
  try {
    attempt();
    return "ok";
  } catch (error) {
    return error.code;
  }
}

const result = { sockets: {}, tcp: {}, readable: [], writable: [], listable: [] };
for (const socket of sockets) {
  result.sockets[socket] = {};
  for (const one of calls) result.sockets[socket][one.name] = await call(socket, one);
}
const upgrade = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" };
for (const path of ["/", "/api/v1/status", "/api/v1/agent/stop"]) result.tcp[path] = await overTcp(tcp, path);
for (const path of ["/sm", "/join", "/restore", "/pair"]) {
  const protocol = path === "/pair" ? "sm.pair.1" : "sm.1";
  result.tcp[path] = await overTcp(tcp, path, { ...upgrade, "sec-websocket-protocol": protocol });
}
for (const path of files) {
  if (outcome(() => closeSync(openSync(path, "r"))) === "ok") result.readable.push(path);
  if (outcome(() => closeSync(openSync(path, "r+"))) === "ok") result.writable.push(path);
}
for (const path of directories) {
  if (outcome(() => readdirSync(path)) === "ok") result.listable.push(path);
  if (outcome(() => writeFileSync(join(path, "planted"), "")) === "ok") result.writable.push(path);
}
process.stdout.write(JSON.stringify(result));
