// The office's page in a real browser. `node board.mjs` with DISPATCHCTL naming the binary and, where it is elsewhere, CHROMIUM and NGINX
// naming those programs. Says each case; exit 1 if one fails.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { OPERATE, READ, Shop, freePort, until } from "./shop.mjs";
import { BINARY, HOSTILE, NGINX, SHOTS, asWithoutScript, axe, browser, check, equal, failures, is, overflow, press, signedIn } from "./tools.mjs";
import { troubles } from "./troubles.mjs";

/** Every state that a call can be in, and hostile words in one. */
async function stocked(shop) {
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
}

const shop = await Shop.open(BINARY);
await stocked(shop);

await check("each state says itself in a word, the worst first", async () => {
  const page = await signedIn(shop);
  const words = await page.$$eval("article.call h3", (all) => all.map((h) => h.textContent.replace(/\s+/g, " ").trim()));
  for (const word of ["Nobody told", "Nobody took it", "Looking for somebody", "Taken by Sam Ortiz", "Waits for the morning"]) {
    is(words.some((w) => w.includes(word)), `${word}: ${words.join(" | ")}`);
  }
  is(words[0].includes("Nobody told") && words[1].includes("Nobody told") && words[2].includes("Nobody took it"), words.join(" | "));
  is((await page.textContent("main")).includes("unknown: neither sent nor not"), "a text of which nobody knows");
  is((await page.title()).includes("told to nobody"), await page.title());
  is((await page.textContent("h1")).includes(await page.title()), "the title is the verdict");
  const links = await page.$$eval("a[href^='tel:']", (all) => all.map((a) => a.href));
  is(links.includes("tel:+19495550150"), links.join(" "));
  await page.context().close();
  const eyes = await signedIn(shop, {}, { token: READ });
  is(!(await eyes.content()).includes("5550150") && !(await eyes.$(".acts")), "who only looks sees no number and no button");
  await eyes.context().close();
});

await check("a wrong token is refused, a right one leads on", async () => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${shop.url}/board/calls/a%2Fb%3Cscript%3E`);
  equal(await page.getAttribute("#token", "autocomplete"), "current-password", "password managers");
  equal(await page.getAttribute("#token", "maxlength"), null, "paste");
  await page.fill("#token", "wrong");
  await page.press("#token", "Enter");
  is((await page.textContent("[role=alert]")).includes("not known"), "it says so");
  await page.fill("#token", OPERATE);
  await page.press("#token", "Enter");
  await page.waitForURL(`${shop.url}/board/calls/a%2Fb%3Cscript%3E`);
  equal((await page.context().cookies())[0].httpOnly, true, "no script reads the cookie");
  await page.context().close();
});

await check("a link signs in once", async () => {
  const link = await shop.command("board", "link", "ana");
  const page = await (await browser.newContext()).newPage();
  await page.goto(link);
  await page.goto(link);
  await page.click("button");
  await page.waitForURL(`${shop.url}/board`);
  equal((await page.goto(link)).status(), 404, "a second time");
  await page.context().close();
});

for (const script of [true, false]) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [320, 360, 1280]) {
      await check(`every page is readable at ${width} px, ${colorScheme}, ${script ? "with" : "without"} script`, async () => {
        const page = await signedIn(shop, { viewport: { width, height: 740 }, colorScheme });
        if (!script) await asWithoutScript(page);
        const attempt = (await shop.call("unknown")).attempts.at(-1).attemptId;
        for (const path of ["/board", "/board/closed", "/board/oncall", "/board/calls/exhausted", "/board/calls/a%2Fb%3Cscript%3E",
          "/board/calls/looking/cancel", "/board/calls/looking/take-for", "/board/calls/asleep/raise",
          `/board/calls/unknown/settle?attempt=${attempt}`, "/board/calls/no-such"]) {
          await page.goto(shop.url + path);
          equal(await overflow(page), 0, `${path} scrolls sideways`);
          // Without script the page loads itself every 30 s, and says how to stop that.
          const found = await axe(page, script ? {} : { "meta-refresh": { enabled: false } });
          equal(found.join("\n"), "", `${path}: axe`);
          if (SHOTS) {
            mkdirSync(SHOTS, { recursive: true });
            const name = `${path.replace(/\W+/g, "_").slice(0, 40)}-${width}-${colorScheme}${script ? "" : "-plain"}.png`;
            await page.screenshot({ path: join(SHOTS, name), fullPage: true });
          }
        }
        equal(page.said.filter((s) => !s.includes("404")).join("\n"), "", "the console");
        await page.context().close();
      });
    }
  }
}

await check("what is pressed is thumb-sized", async () => {
  const page = await signedIn(shop);
  for (const path of ["/board", "/board/oncall", "/board/calls/looking", "/board/calls/looking/cancel"]) {
    await page.goto(shop.url + path);
    const small = await page.evaluate(() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select")]
      .filter((e) => e.offsetParent && !e.classList.contains("skip"))
      .map((e) => [e.outerHTML.slice(0, 80), Math.round(e.getBoundingClientRect().height)]).filter(([, h]) => h < 44));
    equal(JSON.stringify(small), "[]", path);
  }
  await page.context().close();
});

await check("every link leads somewhere, every id is one, and what is named is there", async () => {
  const page = await signedIn(shop);
  const seen = new Set();
  for (const path of ["/board", "/board/closed", "/board/oncall", "/board/calls/exhausted", "/board/calls/a%2Fb%3Cscript%3E", "/board/calls/looking/cancel", "/board/calls/taken/reopen"]) {
    await page.goto(shop.url + path);
    const found = await page.evaluate(() => {
      const all = (selector, attribute) => [...document.querySelectorAll(selector)].map((e) => e.getAttribute(attribute));
      const ids = all("[id]", "id");
      const named = [...all("[aria-labelledby]", "aria-labelledby"), ...all("label[for]", "for")];
      return {
        twice: ids.filter((id, n) => ids.indexOf(id) !== n),
        missing: named.filter((id) => !ids.includes(id)),
        links: [...all("a[href^='/']", "href"), ...all("[data-part]", "data-part")],
      };
    });
    equal(`${found.twice} ${found.missing}`, " ", `${path}: ids`);
    for (const to of found.links.filter((to) => !seen.has(to))) {
      seen.add(to);
      equal((await page.request.get(shop.url + to)).status(), 200, `${path} leads to ${to}`);
    }
  }
  is(seen.size > 20, `${seen.size} links`);
  await page.context().close();
});

await check("hostile words stay words", async () => {
  const page = await signedIn(shop);
  for (const path of ["/board", "/board/calls/a%2Fb%3Cscript%3E"]) {
    await page.goto(shop.url + path);
    is((await page.textContent("main")).includes("<script>alert(1)</script>"), `${path} shows them`);
    equal(await page.$$eval("main script, main img", (all) => all.length), 0, path);
    is(!(await page.textContent("main")).includes("49 xxx"), "no template reads them");
  }
  await page.context().close();
});

await check("the first load is small, of four requests, and soon there", async () => {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 } });
  const page = await context.newPage();
  await page.goto(`${shop.url}/board`);
  await page.fill("#token", OPERATE);
  const loaded = [];
  page.on("response", async (r) => loaded.push([r.url().replace(shop.url, ""), r.request().resourceType(), (await r.body().catch(() => "")).length]));
  const cold = await context.newCDPSession(page);
  await cold.send("Network.setCacheDisabled", { cacheDisabled: true });
  await page.press("#token", "Enter");
  await page.waitForURL(`${shop.url}/board`);
  await page.waitForLoadState();
  await page.waitForTimeout(1_000);
  const began = Date.now();
  loaded.length = 0;
  await page.goto(`${shop.url}/board`);
  const usable = Date.now() - began;
  await until("all of it", () => loaded.length >= 3);
  const files = loaded.filter(([, kind]) => kind !== "eventsource");
  const bytes = files.reduce((sum, [, , n]) => sum + n, 0);
  console.log(`      ${files.length} requests, ${bytes} bytes (${files.map(([u, , n]) => `${u} ${n}`).join(", ")}), usable after ${usable} ms`);
  is(files.length <= 4 && bytes <= 60 * 1024, JSON.stringify(loaded));
  await context.close();
});

await check("10,000 open calls are a short page that is soon there", async () => {
  const many = await Shop.open(BINARY);
  try {
    let next = 0;
    const began = Date.now();
    await Promise.all(Array.from({ length: 64 }, async () => {
      while (next < 10_000) await many.dispatch(`many-${(next += 1)}`, "later");
    }));
    console.log(`      handed over in ${Date.now() - began} ms`);
    const page = await signedIn(many);
    const times = [];
    for (let n = 0; n < 9; n += 1) {
      // Behind what was kept, so that each is read anew.
      await page.waitForTimeout(300);
      await page.goto(`${many.url}/board`);
      times.push(await page.evaluate(() => {
        const t = performance.getEntriesByType("navigation")[0];
        return [t.responseStart - t.requestStart, t.domContentLoadedEventEnd, t.encodedBodySize];
      }));
    }
    const median = (n) => Math.round(times.map((t) => t[n]).sort((a, b) => a - b)[4]);
    console.log(`      first byte ${median(0)} ms, usable ${median(1)} ms (medians of 9), ${median(2)} bytes`);
    is((await page.textContent("main")).includes("and 9950 more"), "it says how many more there are");
    is(median(2) < 45 * 1024, "with style, script and icon it stays under 60 KB");
    equal(await overflow(page), 0, "nothing scrolls sideways");
    await page.context().close();
  } finally {
    await many.close();
  }
});

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

await troubles(shop);

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

await check("forced colours, less motion, twice the size, and on paper", async () => {
  const page = await signedIn(shop, { forcedColors: "active", reducedMotion: "reduce" });
  equal((await axe(page)).join("\n"), "", "axe");
  await page.context().close();
  const wide = await signedIn(shop, { viewport: { width: 1280, height: 900 } });
  await wide.evaluate(() => (document.documentElement.style.fontSize = "200%")).catch(() => {});
  equal(await overflow(wide), 0, "twice the size");
  await wide.emulateMedia({ media: "print" });
  // No button on paper.
  await wide.waitForFunction(() => [...document.querySelectorAll(".acts, nav, #pause")].every((e) => getComputedStyle(e).display === "none"));
  await wide.context().close();
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

await check("the page of the drills is readable on a phone and on a desk", async () => {
  const file = join(shop.dir, "drills.html");
  execFileSync(BINARY, ["test-reliability", "--scenario", "callback-forged", "--html", file], { stdio: "ignore" });
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [360, 1280]) {
      const page = await (await browser.newContext({ viewport: { width, height: 740 }, colorScheme })).newPage();
      await page.setContent(readFileSync(file, "utf8"));
      equal(await overflow(page), 0, `${width} px, ${colorScheme}: it scrolls sideways`);
      equal((await axe(page)).join("\n"), "", `${width} px, ${colorScheme}: axe`);
      is((await page.textContent("body")).includes("All promises held"), "the verdict");
      await page.context().close();
    }
  }
});

await shop.close();
await browser.close();
if (failures()) console.log(`${failures()} failed`);
process.exit(failures() ? 1 : 0);
