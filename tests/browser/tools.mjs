// What the cases of the office's page share: a browser, a shop with every kind of call, a way to say each case, judges. Each file of
// cases is a program: `node pages.mjs [part of a case's name]` with DISPATCHCTL naming the binary and, where it is elsewhere, CHROMIUM and
// NGINX naming those programs. It says each case; exit 1 if one fails.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { OPERATE, Shop, until } from "./shop.mjs";

export const BINARY = process.env.DISPATCHCTL;
const CHROMIUM = process.env.CHROMIUM || "/usr/bin/chromium";
export const NGINX = process.env.NGINX || "/usr/sbin/nginx";
export const SHOTS = process.env.BOARD_SHOTS;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const HOSTILE = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>\u202e{{7*7}} ${"x".repeat(1600)}`;
const only = process.argv[2];

const chromiumOfRun = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
/** What is waited for comes at last, or the case fails; how soon it came is printed where somebody may want to know. */
const PATIENCE_MS = 60_000;
export const browser = {
  async newContext(options) {
    const context = await chromiumOfRun.newContext(options);
    context.setDefaultTimeout(PATIENCE_MS);
    return context;
  },
  close: () => chromiumOfRun.close(),
};
let failed = 0;

export async function check(name, run) {
  if (only && !name.includes(only)) return;
  const began = Date.now();
  try {
    await run();
    console.log(`ok    ${name} (${Date.now() - began} ms)`);
  } catch (e) {
    failed += 1;
    console.log(`FAIL  ${name}: ${e.stack}`);
  }
}

export function equal(a, b, what) {
  if (a !== b) throw new Error(`${what}: ${JSON.stringify(a)}, and not ${JSON.stringify(b)}`);
}

export function is(truth, what) {
  if (!truth) throw new Error(what);
}

/** A page of a fresh browser that is signed in; what its console says is kept. */
export async function signedIn(shop, options = {}, { token = OPERATE, base = shop.url + shop.basePath } = {}) {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 }, ...options });
  const page = await context.newPage();
  page.said = [];
  page.on("console", (m) => page.said.push(m.text()));
  page.on("pageerror", (e) => page.said.push(e.message));
  await page.goto(`${base}/board`);
  await page.fill("#token", token);
  await page.press("#token", "Enter");
  await page.waitForURL(`${base}/board`);
  page.said.length = 0;
  return page;
}

/** Presses a button until the page goes elsewhere, as a person would: a tap right after something moved does not count. */
export async function press(page, selector) {
  const gone = page.waitForNavigation();
  gone.catch(() => {});
  for (let tries = 0; tries < 20; tries += 1) {
    const asked = page.waitForRequest((r) => r.isNavigationRequest() && r.frame() === page.mainFrame(), { timeout: 2_000 }).catch(() => null);
    await page.click(selector);
    if (await asked) return gone;
  }
  throw new Error(`pressed twenty times, and nothing was asked: ${selector}`);
}

export async function axe(page, rules = {}) {
  await page.evaluate(AXE);
  const found = await page.evaluate((rules) => axe.run(document, { rules }), rules);
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join("; ")}`);
}

/** What a browser without script shows, in one in which axe runs: no script is loaded, and what stands in noscript is there. */
export async function asWithoutScript(page) {
  await page.route("**/board**", async (route) => {
    if (route.request().resourceType() !== "document") return route.continue();
    const answer = await route.fetch();
    const body = (await answer.text()).replace(/<script[^>]*><\/script>/g, "").replace(/<\/?noscript>/g, "");
    return route.fulfill({ response: answer, body });
  });
}

export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

/** Every state that a call can be in, and hostile words in one. */
export async function stocked() {
  const shop = await Shop.open(BINARY);
  await shop.dispatch("taken");
  await shop.api("POST", "/api/calls/taken/ack", { contact: "sam" });
  await shop.dispatch("done");
  await shop.api("POST", "/api/calls/done/resolve");
  await shop.dispatch("gone");
  await shop.api("POST", "/api/calls/gone/cancel");
  await shop.dispatch("looking");
  await shop.dispatch("exhausted", "once");
  await until("exhausted", async () => (await shop.call("exhausted")).status === "EXHAUSTED");
  await shop.dispatch("asleep", "morning", { issueSummary: "A tap drips" });
  await shop.dispatch("a/b<script>", "slow", { issueSummary: HOSTILE, callerName: HOSTILE, address: HOSTILE, callerPhone: HOSTILE });
  // It is not accepted, and nobody can know that: it is looked for, for ten minutes.
  await shop.fault({ kind: "drop_before_accept", times: 1 });
  await shop.dispatch("unknown");
  await until("unknown", async () => (await shop.call("unknown")).attempts.some((a) => a.attemptState === "unknown"));
  await shop.fault({ kind: "refuse", status: 429, code: 20429, retryAfter: 600, times: 1_000 });
  await shop.dispatch("untold", "slow", { issueSummary: "Gas smell" });
  await shop.clear();
  return shop;
}

/** The end of a file of cases. */
export async function closed(shop) {
  await shop.close();
  await browser.close();
  if (failed) console.log(`${failed} failed`);
  process.exit(failed ? 1 : 0);
}
