// What goes wrong around the page: changes under the finger, networks that answer for us, old forms, guessers, a store that is full,
// very many calls.
import { join } from "node:path";
import { OPERATE, Shop, until } from "./shop.mjs";
import { BINARY, SHOTS, axe, browser, check, closed, equal, is, overflow, press, signedIn, stocked } from "./tools.mjs";

const shop = await stocked();

await check("a call that quiet hours hold is neither looked after nor forgotten", async () => {
  const quiet = await Shop.open(BINARY);
  try {
    await quiet.dispatch("held", "quietly", { issueSummary: "A tap drips" });
    const page = await signedIn(quiet);
    const title = await page.title();
    is(title.startsWith("1 open, held by quiet hours until ") && title.endsWith(`${quiet.quiet.slice(6)}.`), title);
    is((await page.textContent("article.call h3")).includes("Held by quiet hours"), await page.textContent("article.call h3"));
    await page.context().close();
  } finally {
    await quiet.close();
  }
});

await check("the page of a call keeps itself fresh, and what was said stays", async () => {
  await shop.dispatch("fresh");
  const page = await signedIn(shop);
  const other = await page.context().newPage();
  for (const p of [page, other]) await p.goto(`${shop.url}/board/calls/fresh`);
  await press(other, "text=I take it");
  await other.waitForURL("**/board/calls/fresh?said=take");
  await page.waitForSelector("h1:has-text('Taken by Ana Lund')");
  is((await page.title()).includes("Taken"), await page.title());
  await shop.api("POST", "/api/calls/fresh/resolve", { note: "done at three" });
  await other.waitForSelector("h1:has-text('Resolved')");
  equal(await other.$("text=The ladder has stopped"), null, "what is not so any more is not said");
  equal(page.said.join("\n"), "", "the console");
  await page.context().close();
});

await check("a button that comes under the finger a moment before the tap is not pressed", async () => {
  await shop.dispatch("under");
  const page = await signedIn(shop);
  const reference = (await shop.call("under")).reference;
  await page.waitForSelector(`#c-${reference} .told .good`);
  await page.waitForTimeout(1_500);
  await page.evaluate((id) => {
    new MutationObserver((_, watch) => {
      // Another change may come first, and move nothing.
      if (!document.getElementById("main").textContent.includes("Smoke")) return;
      watch.disconnect();
      const button = document.getElementById(id);
      button.addEventListener("click", (e) => setTimeout(() => (window.tapped = e.defaultPrevented)));
      const at = button.getBoundingClientRect();
      const tap = { detail: 1, clientX: at.x + 20, clientY: at.y + 20, bubbles: true, cancelable: true };
      button.dispatchEvent(new MouseEvent("click", tap));
    }).observe(document.body, { childList: true });
  }, `take-${reference}`);
  // A worse one comes, and moves all others down.
  await shop.fault({ kind: "refuse", status: 429, code: 20429, retryAfter: 600, times: 1_000 });
  await shop.dispatch("worse", "slow", { issueSummary: "Smoke" });
  await page.waitForFunction(() => window.tapped !== undefined);
  await shop.clear();
  equal(await page.evaluate(() => window.tapped), true, "it was not meant");
  equal((await shop.call("under")).status, "DISPATCHING", "nothing was done");
  // While a finger is down nothing moves.
  const isUnder = ([id, at]) => {
    const hit = document.elementFromPoint(at.x, at.y);
    return hit !== null && hit.closest("[id]")?.id === id;
  };
  let pressed = false;
  while (!pressed) {
    // In one go: between two questions the page may change.
    const at = await page.evaluate((id) => {
      const button = document.getElementById(id);
      button.scrollIntoView({ block: "center" });
      const box = button.getBoundingClientRect();
      return { x: box.x + 20, y: box.y + 20 };
    }, `take-${reference}`);
    await page.waitForTimeout(600);
    if (!(await page.evaluate(isUnder, [`take-${reference}`, at]))) continue;
    await page.mouse.move(at.x, at.y);
    await page.mouse.down();
    pressed = await page.evaluate(isUnder, [`take-${reference}`, at]);
    if (!pressed) {
      await page.mouse.move(0, 0);
      await page.mouse.up();
    }
  }
  await shop.dispatch("meanwhile", "slow", { issueSummary: "While it was pressed" });
  await page.waitForTimeout(1_500);
  equal(await page.$("text=While it was pressed"), null, "nothing moves");
  await page.mouse.up();
  await page.waitForURL("**/board/calls/under?said=take");
  await page.context().close();
});

await check("a page that is paused says so after a while, louder than its footer", async () => {
  for (const path of ["/board", "/board/calls/looking"]) {
    const page = await signedIn(shop);
    await page.clock.install();
    await page.goto(shop.url + path);
    await page.click("#pause");
    await page.clock.runFor(15_000);
    equal(await page.isVisible("#stale"), false, "a look is no accident");
    await page.clock.runFor(10_000);
    equal(await page.isVisible("#stale"), true, "the banner");
    is((await page.textContent("#stale")).startsWith("This page is paused for 2"), await page.textContent("#stale"));
    await page.click("#pause");
    await page.clock.runFor(2_000);
    await page.waitForSelector("#stale[hidden]", { state: "attached" });
    await page.context().close();
  }
});

await check("what a network's own sign-in page answers is no news, and a clock that is set back hides nothing", async () => {
  const page = await signedIn(shop);
  await page.clock.install();
  await page.goto(`${shop.url}/board`);
  const portal = { status: 200, contentType: "text/html", body: "<html><body><main>Welcome to Airport Wi-Fi</main></body></html>" };
  await page.route("**/board?part=main", (route) => route.fulfill(portal));
  await page.route("**/board/events", (route) => route.fulfill(portal));
  await page.evaluate(() => {
    const real = Date.now;
    Date.now = () => real() - 3_600_000;
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
    delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.clock.runFor(25_000);
  equal(await page.isVisible("#stale"), true, "the banner");
  equal(await page.$("text=Airport"), null, "nothing of it is shown");
  await page.context().close();
});

await check("whoever must sign in first comes back to the very page, its query too", async () => {
  const attempt = (await shop.call("unknown")).attempts.at(-1).attemptId;
  const page = await (await browser.newContext()).newPage();
  const to = `${shop.url}/board/calls/unknown/settle?attempt=${attempt}`;
  await page.goto(to);
  await page.fill("#token", OPERATE);
  await page.press("#token", "Enter");
  await page.waitForURL(to);
  is((await page.textContent("h1")).startsWith("What became of the text"), await page.textContent("h1"));
  await page.context().close();
});

await check("what was said of a text about a call that changed meanwhile is refused", async () => {
  const page = await signedIn(shop);
  const attempt = (await shop.call("unknown")).attempts.at(-1).attemptId;
  await page.goto(`${shop.url}/board/calls/unknown/settle?attempt=${attempt}`);
  await shop.api("POST", "/api/calls/unknown/ack", { contact: "sam" });
  const answer = await press(page, "text=It was not sent >> nth=0");
  equal(answer.status(), 409, "refused");
  is((await page.textContent("[role=alert]")).includes("has changed since it was looked at. It is taken by Sam Ortiz now"), await page.textContent("main"));
  const now = (await shop.call("unknown")).attempts.find((a) => a.attemptId === attempt);
  equal(now.attemptState, "unknown", "nothing was done");
  await page.context().close();
});

await check("a right token gets in while wrong ones hammer, from the same address too", async () => {
  let last;
  const guess = async (n) => {
    const body = new URLSearchParams({ token: `guess-${n}` });
    last = await fetch(`${shop.url}/board/sign-in`, { method: "POST", body, headers: { "Sec-Fetch-Site": "same-origin" } });
  };
  for (let n = 0; n < 1_000; n += 50) await Promise.all(Array.from({ length: 50 }, (_, i) => guess(n + i)));
  equal(last.status, 429, "wrong ones are slowed down");
  is(Number(last.headers.get("retry-after")) > 0, "and told when to come again");
  const page = await signedIn(shop);
  await page.context().close();
  await until("one alert", async () => (await shop.api("GET", "/api/board")).json.alerts.filter((a) => a.key.startsWith("board-sign-ins")).length === 1);
});

await check("a store that takes no writes is shouted, the page stays, and a button says that nothing was done", async () => {
  const full = await Shop.open(BINARY);
  try {
    await full.dispatch("full", "slow", { issueSummary: "No hot water" });
    const page = await signedIn(full);
    full.limitWrites("0");
    const answer = await press(page, "text=I take it");
    equal(answer.status(), 503, "refused");
    is((await page.textContent("main")).includes("The store cannot write. Nothing was recorded"), await page.textContent("main"));
    await page.goto(`${full.url}/board`);
    await page.waitForSelector("text=THE STORE TAKES NO WRITES: no new call is taken");
    is((await page.title()).startsWith("THE STORE TAKES NO WRITES. "), await page.title());
    is((await page.textContent("article.call")).includes("No hot water"), "what is known is shown");
    equal((await axe(page)).join("\n"), "", "axe");
    if (SHOTS) await page.screenshot({ path: join(SHOTS, "full.png"), fullPage: true });
    await page.goto(`${full.url}/board/calls/full`);
    is((await page.textContent("main")).includes("THE STORE TAKES NO WRITES"), "the call's page says so too");
    full.limitWrites("unlimited");
    await page.goto(`${full.url}/board`);
    await page.waitForFunction(() => !document.title.includes("NO WRITES"));
    await press(page, "text=I take it");
    equal(new URL(page.url()).search, "?said=take", "taken");
    await page.context().close();
  } finally {
    await full.close();
  }
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

await closed(shop);
