// What the page does while things happen: it changes by itself, is pressed, loses its engine, stands behind a proxy.
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { Shop, freePort, until } from "./shop.mjs";
import { BINARY, NGINX, SHOTS, axe, check, closed, equal, is, overflow, press, signedIn, stocked } from "./tools.mjs";

const shop = await stocked();

await check("without script a call is taken by a form, and the page loads itself", async () => {
  const page = await signedIn(shop, { javaScriptEnabled: false });
  equal(await page.getAttribute("meta[http-equiv=refresh]", "content"), "30", "refresh");
  await page.goto(`${shop.url}/board?pause=1`);
  equal(await page.$("meta[http-equiv=refresh]"), null, "which can be stopped");
  await page.goto(`${shop.url}/board/calls/looking`);
  await page.click("text=I take it");
  await page.waitForURL("**/board/calls/looking?said=take");
  const call = await shop.call("looking");
  equal(`${call.status} ${call.holder}`, "ACKNOWLEDGED ana", "taken by who signed in");
  await page.click("text=Hand back");
  is((await page.textContent("main")).includes("is told of it"), "it says who will be told");
  await page.fill("#note", "by the form");
  await page.click("text=Yes, look for somebody again");
  await page.waitForURL("**/board/calls/looking?said=reopen");
  is((await page.textContent(".log")).includes("by the form"), "the story has the note");
  await page.context().close();
});

await check("what another did shows by itself, keeps the focus and moves nothing", async () => {
  await shop.dispatch("live");
  const page = await signedIn(shop);
  const card = `#c-${(await shop.call("live")).reference}`;
  await page.waitForSelector(card);
  // Its text arrives, and the page shows that, before somebody looks at a button.
  await page.waitForSelector(`${card} .told .good`);
  await page.waitForTimeout(1_000);
  const id = await page.$eval(`${card} button`, (b) => { b.focus(); return b.id; });
  await page.evaluate(() => {
    scrollTo(0, 400);
    window.shift = 0;
    new PerformanceObserver((l) => l.getEntries().forEach((e) => (window.shift += e.value))).observe({ type: "layout-shift", buffered: false });
  });
  const y = await page.evaluate(() => scrollY);
  const began = Date.now();
  await shop.dispatch("live2", "slow", { issueSummary: "Another emergency" });
  await page.waitForSelector("text=Another emergency");
  console.log(`      shown ${Date.now() - began} ms after it was handed over`);
  equal(await page.evaluate(() => document.activeElement.id), id, "focus");
  equal(await page.evaluate(() => scrollY), y, "scroll");
  is((await page.evaluate(() => window.shift)) < 0.1, `layout shift ${await page.evaluate(() => window.shift)}`);
  equal(page.said.join("\n"), "", "the console");
  await page.context().close();
});

await check("an old form in a second tab does nothing and says what is so", async () => {
  await shop.dispatch("twice");
  // Without script: with it the page would have shown by itself what is so.
  const page = await signedIn(shop, { javaScriptEnabled: false });
  const other = await page.context().newPage();
  for (const p of [page, other]) await p.goto(`${shop.url}/board/calls/twice`);
  await shop.api("POST", "/api/calls/twice/ack", { contact: "sam" });
  await page.click("text=I take it");
  is((await page.textContent("[role=alert]")).includes("taken by Sam Ortiz"), await page.textContent("main"));
  equal((await shop.call("twice")).holder, "sam", "nothing was done");
  await page.goto(`${shop.url}/board/calls/live`);
  await other.goto(`${shop.url}/board/calls/live`);
  await page.click("text=I take it");
  await page.waitForURL("**said=take");
  await other.click("text=I take it");
  await other.waitForURL("**said=already");
  await page.context().close();
});

await check("a page of another origin presses nothing", async () => {
  await shop.dispatch("forged");
  const page = await signedIn(shop);
  const form = `<form method=post action="${shop.url}/board/calls/forged/cancel"><input name=v value="1-DISPATCHING-"><button>x</button></form>`;
  const evil = createServer((_, r) => r.setHeader("Content-Type", "text/html").end(form));
  await new Promise((done) => evil.listen(0, "localhost", done));
  await page.goto(`http://localhost:${evil.address().port}/`);
  const answer = await press(page, "button");
  equal(answer.status(), 403, "refused");
  equal((await shop.call("forged")).status, "DISPATCHING", "nothing was done");
  evil.close();
  await page.context().close();
});

await check("seven tabs, those behind give their stream up", async () => {
  const page = await signedIn(shop);
  const tabs = [page];
  for (let n = 0; n < 6; n += 1) {
    await tabs.at(-1).evaluate(() => {
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    const tab = await page.context().newPage();
    await tab.goto(`${shop.url}/board`);
    tabs.push(tab);
  }
  await shop.dispatch("seventh", "slow", { issueSummary: "For the seventh tab" });
  await tabs.at(-1).waitForSelector("text=For the seventh tab");
  await tabs[0].evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await tabs[0].waitForSelector("text=For the seventh tab");
  await page.context().close();
});

await check("pause stops what is new until it goes on", async () => {
  const page = await signedIn(shop);
  await page.click("#pause");
  await shop.dispatch("paused", "slow", { issueSummary: "While it was paused" });
  await new Promise((done) => setTimeout(done, 1_500));
  equal(await page.$("text=While it was paused"), null, "paused");
  await page.click("#pause");
  await page.waitForSelector("text=While it was paused");
  await page.context().close();
});

await check("somebody stands in tonight by the form", async () => {
  const page = await signedIn(shop);
  await page.goto(`${shop.url}/board/oncall`);
  await page.selectOption("#who", "ana");
  await page.fill("#until", "+8h");
  await press(page, "text=Make the swap");
  await page.waitForURL("**/board/oncall?said=made");
  await page.goto(`${shop.url}/board`);
  is((await page.textContent(".duties")).includes("Ana Lund until"), await page.textContent(".duties"));
  await page.context().close();
});

await check("a token that was replaced signs out", async () => {
  const page = await signedIn(shop);
  shop.configure("another-token-0000000000");
  shop.signal("SIGHUP");
  await until("signed out", async () => (await page.goto(`${shop.url}/board`)).url().includes("sign-in"));
  shop.configure();
  shop.signal("SIGHUP");
  await until("let in again", async () => (await shop.api("GET", "/api/board")).status === 200);
  await page.context().close();
});

await check("behind nginx, below a path", async () => {
  const proxied = await Shop.open(BINARY, { basePath: "/office" });
  const port = await freePort();
  const dir = join(proxied.dir, "nginx");
  mkdirSync(dir);
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((t) => `${t}_temp_path ${dir}/${t};`).join(" ");
  writeFileSync(join(dir, "nginx.conf"), `daemon off; worker_processes 1; pid ${dir}/pid; error_log ${dir}/error.log;
events {} http { access_log off; ${temp} server { listen 127.0.0.1:${port};
location /office/ { proxy_pass ${proxied.url}; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Connection "";
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; } } }`);
  const nginx = spawn(NGINX, ["-p", dir, "-c", join(dir, "nginx.conf"), "-e", join(dir, "error.log")], { stdio: "inherit" });
  const gone = new Promise((done) => nginx.on("exit", done));
  const base = `http://127.0.0.1:${port}/office`;
  try {
    await until("nginx", async () => (await fetch(`${base}/livez`)).ok);
    await proxied.dispatch("through");
    const page = await signedIn(proxied, {}, { base });
    const cookie = (await page.context().cookies())[0];
    equal(`${cookie.name} ${cookie.secure}`, "__Host-dispatchctl true", "the cookie of a proxy");
    await press(page, "text=I take it");
    await page.waitForURL(`${base}/board/calls/through?said=take`);
    await page.goto(`${base}/board`);
    await page.waitForFunction(() => performance.getEntriesByType("resource").length >= 2);
    await proxied.dispatch("pushed", "slow", { issueSummary: "Through the proxy" });
    await page.waitForSelector("text=Through the proxy");
    equal(page.said.join("\n"), "", "the console");
    await page.context().close();
  } finally {
    nginx.kill("SIGTERM");
    await gone;
    await proxied.close();
  }
});

await check("a killed engine is shouted within 25 s, and the page comes back by itself", async () => {
  const page = await signedIn(shop);
  await page.waitForFunction(() => performance.getEntriesByType("resource").some((e) => e.name.includes("/board/events")) || true);
  shop.signal("SIGKILL");
  await shop.ended;
  const began = Date.now();
  await page.waitForSelector("#stale:not([hidden])");
  console.log(`      said ${Date.now() - began} ms after it was killed`);
  equal(await overflow(page), 0, "the banner");
  equal((await axe(page)).join("\n"), "", "axe");
  if (SHOTS) await page.screenshot({ path: join(SHOTS, "stale.png") });
  await shop.start();
  const back = Date.now();
  await page.waitForSelector("#stale[hidden]", { state: "attached" });
  console.log(`      back ${Date.now() - back} ms after it was started`);
  await page.context().close();
});

await check("a page that cannot be loaded is shouted, however well its stream lives", async () => {
  const page = await signedIn(shop);
  const stream = await page.waitForResponse((r) => r.url().includes("/board/events"), { timeout: 5_000 }).catch(() => null);
  await page.route("**/board?part=main", (route) => route.fulfill({ status: 503, body: "" }));
  await shop.dispatch("unseen", "slow", { issueSummary: "Nobody sees this yet" });
  const began = Date.now();
  await page.waitForSelector("#stale:not([hidden])");
  console.log(`      said after ${Date.now() - began} ms${stream ? "" : " (the stream was open before)"}`);
  await page.unroute("**/board?part=main");
  await page.waitForSelector("text=Nobody sees this yet");
  await page.waitForSelector("#stale[hidden]", { state: "attached" });
  await page.context().close();
});

await check("a stop ends open pages first", async () => {
  const page = await signedIn(shop);
  await page.waitForTimeout(500);
  const began = Date.now();
  shop.signal("SIGTERM");
  await shop.ended;
  console.log(`      stopped after ${Date.now() - began} ms`);
  is(Date.now() - began < 15_000, "it waits for no stream");
  await page.context().close();
});

await closed(shop);
