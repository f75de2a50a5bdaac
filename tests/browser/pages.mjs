// How each page of the office reads: in words, by a reader's judge, on each screen, with script and without.
import { mkdirSync, readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { OPERATE, READ, Shop, until } from "./shop.mjs";
import { BINARY, SHOTS, asWithoutScript, axe, browser, check, closed, equal, is, overflow, signedIn, stocked } from "./tools.mjs";

const shop = await stocked();

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

await closed(shop);
