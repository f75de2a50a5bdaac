// A shop for the tests of the office's page: `serve` in test mode with its sandbox, on a temporary directory, as often as a test wants.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const OPERATE = "operate-token-0000000000";
export const READ = "read-token-0000000000000";

export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Looks until `look` gives something; says what was seen last where it never does. */
export async function until(what, look, ms = 60_000) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
      last = found;
    } catch (e) {
      last = e.message;
    }
    if (Date.now() > end) throw new Error(`${what} never came; last: ${last}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Quiet hours that began an hour ago and end in two, by the shop's clock. */
function around() {
  const form = { timeZone: "America/Los_Angeles", hour: "2-digit", minute: "2-digit" };
  const at = (hours) => new Date(Date.now() + hours * 3_600_000).toLocaleTimeString("en-GB", form);
  return `${at(-1)}-${at(2)}`;
}

export class Shop {
  constructor(binary, { basePath = "", publicUrl = "" } = {}) {
    this.binary = binary;
    this.basePath = basePath;
    this.publicUrl = publicUrl;
    this.dir = mkdtempSync(join(tmpdir(), "board-"));
    this.quiet = around();
  }

  static async open(binary, options) {
    const shop = new Shop(binary, options);
    [shop.port, shop.sandboxPort] = [await freePort(), await freePort()];
    shop.url = `http://127.0.0.1:${shop.port}`;
    shop.configure();
    await shop.start();
    return shop;
  }

  configure(operate = OPERATE) {
    writeFileSync(join(this.dir, "dispatchctl.toml"), `
name = "Acme Plumbing"
time_zone = "America/Los_Angeles"
[server]
base_path = "${this.basePath}"
[[server.tokens]]
name = "ana"
token = "${operate}"
scope = "operate"
[[server.tokens]]
name = "eyes"
token = "${READ}"
scope = "read"
[twilio]
from = "+15005550006"
[last_resort]
notify = ["lee"]
[[contacts]]
id = "sam"
name = "Sam Ortiz"
phone = "+19495550101"
role = "primary"
[[contacts]]
id = "ana"
name = "Ana Lund"
phone = "+19495550102"
role = "backup"
[[contacts]]
id = "lee"
name = "Lee Park"
phone = "+19495550103"
role = "owner"
[delivery]
settle = "10m"
[policies.once]
steps = [{ wait = "0s", notify = ["primary"] }]
exhaust_after = "1s"
[policies.slow]
steps = [{ wait = "0s", notify = ["primary"] }, { wait = "1h", notify = ["backup"] }]
exhaust_after = "1h"
[policies.later]
steps = [{ wait = "1h", notify = ["primary"] }]
exhaust_after = "1h"
[policies.quietly]
steps = [{ wait = "0s", notify = ["primary"] }]
exhaust_after = "1h"
quiet = "${this.quiet}"
`);
  }

  async start() {
    const env = { ...process.env, TEST_MODE: "1", HOME: this.dir, XDG_STATE_HOME: this.dir, XDG_CONFIG_HOME: this.dir,
      DISPATCHCTL_SANDBOX__LISTEN: `127.0.0.1:${this.sandboxPort}` };
    delete env.DISPATCHCTL_CONFIG;
    this.process = spawn(this.binary, ["serve", "--listen", `127.0.0.1:${this.port}`], { cwd: this.dir, env, stdio: ["ignore", "pipe", "pipe"] });
    this.said = "";
    this.process.stdout.on("data", (d) => (this.said += d));
    this.process.stderr.on("data", (d) => (this.said += d));
    this.ended = new Promise((done) => this.process.on("exit", done));
    await until(`the listener (${this.said})`, async () => (await fetch(`${this.url}/livez`)).ok);
  }

  async command(...args) {
    const env = { ...process.env, TEST_MODE: "1", HOME: this.dir, XDG_STATE_HOME: this.dir, XDG_CONFIG_HOME: this.dir,
      DISPATCHCTL_SANDBOX__LISTEN: `127.0.0.1:${this.sandboxPort}` };
    const child = spawn(this.binary, args, { cwd: this.dir, env, stdio: ["ignore", "pipe", "pipe"] });
    let out = "", err = "";
    child.stdout.on("data", (d) => (out += d));
    child.stderr.on("data", (d) => (err += d));
    const code = await new Promise((done) => child.on("exit", done));
    if (code !== 0) throw new Error(`${args.join(" ")}: exit ${code}: ${err}`);
    return out.trim();
  }

  signal(name) {
    this.process.kill(name);
  }

  /** How large a file the engine may write from now on: `0` is a full disk. */
  limitWrites(bytes) {
    execFileSync("prlimit", ["--pid", `${this.process.pid}`, `--fsize=${bytes}:unlimited`]);
  }

  async api(method, path, body) {
    const headers = { Authorization: `Bearer ${OPERATE}`, ...(body ? { "Content-Type": "application/json" } : {}) };
    const answer = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    return { status: answer.status, json: await answer.json() };
  }

  async fault(...faults) {
    const body = JSON.stringify(faults);
    const answer = await fetch(`http://127.0.0.1:${this.sandboxPort}/_sandbox/faults`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
    if (!answer.ok) throw new Error(`fault: ${await answer.text()}`);
  }

  async clear() {
    await fetch(`http://127.0.0.1:${this.sandboxPort}/_sandbox/faults`, { method: "DELETE" });
  }

  async dispatch(callId, level = "slow", data = {}) {
    const callData = { callerPhone: "+19495550150", callerName: "Maria Lopez", emergencyLevel: level,
      issueSummary: "Burst pipe in the basement", address: "12 Harbor St, Costa Mesa", ...data };
    const { status, json } = await this.api("POST", "/api/dispatch/manual", { callId, callData });
    if (status !== 201 && status !== 202) throw new Error(`${callId}: ${status} ${JSON.stringify(json)}`);
    return json;
  }

  async call(id) {
    return (await this.api("GET", `/api/calls/${encodeURIComponent(id)}`)).json;
  }

  async close() {
    this.signal("SIGKILL");
    await this.ended;
    rmSync(this.dir, { recursive: true, force: true });
  }
}
