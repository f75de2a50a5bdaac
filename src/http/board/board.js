(() => {
  const d = document, base = d.body.dataset.base, $ = (id) => d.getElementById(id);
  const live = $("live"), stale = $("stale"), pause = $("pause");
  const now = () => performance.now();
  // A phone's clock may be set, and the other one may stand still while it sleeps: old is what either says.
  let heard, heardBy, loaded = now(), es, tag = "", busy, again, paused, later, began = -1000, alone = 0, held, swapped = 0, was = {};
  const fresh = () => { heard = Date.now(); heardBy = now(); };
  const age = () => Math.max(Date.now() - heard, now() - heardBy);
  fresh();
  // While somebody presses or fills in, nothing moves.
  const editing = () => held || (/^(INPUT|SELECT|TEXTAREA)$/.test((d.activeElement || {}).tagName) && $("main").contains(d.activeElement));
  const places = () => Object.fromEntries([...d.querySelectorAll("main .acts [id]")].map((e) => [e.id, place(e)]));
  const place = (e) => Math.round(e.getBoundingClientRect().top + scrollY);
  const swap = (html) => {
    const main = new DOMParser().parseFromString(html, "text/html").querySelector("main");
    // What a network's own sign-in page answers is no page of ours, and no news.
    if (!main || !main.dataset.n) return false;
    const focus = d.activeElement && d.activeElement.id, y = scrollY;
    was = places();
    $("main").replaceWith(main);
    swapped = now();
    if (d.title !== main.dataset.title) d.title = live.textContent = main.dataset.title;
    if (focus && $(focus)) $(focus).focus({ preventScroll: true });
    scrollTo(0, y);
    return true;
  };
  const load = async () => {
    again = busy || editing();
    if (again) return;
    // Of a storm of changes a page shows one state a second.
    const wait = began + 1000 - now();
    if (wait > 0) { later = later || setTimeout(() => { later = 0; load(); }, wait); return; }
    busy = 1;
    began = now();
    const stop = new AbortController(), limit = setTimeout(() => stop.abort(), 10000);
    try {
      const r = await fetch(d.body.dataset.part, { headers: tag ? { "If-None-Match": tag } : {}, signal: stop.signal });
      if (r.status === 401) return location.reload();
      const html = await r.text();
      let is = r.status === 304;
      if (r.ok && editing()) again = 1;
      else if (r.ok && (is = swap(html))) tag = r.headers.get("ETag");
      if (is) { fresh(); loaded = now(); }
    } catch {} // The banner says it.
    clearTimeout(limit);
    busy = 0;
    if (again && !editing()) load();
  };
  const close = () => { if (es) es.close(); es = 0; };
  const open = () => {
    if (es || paused || d.hidden) return;
    // Fresh is what was loaded, and what the server says is so still; that the stream lives says nothing of the page.
    const news = (e) => {
      if (e.type === "beat" && e.data === $("main").dataset.n) fresh();
      else load();
    };
    es = new EventSource(base + "/board/events");
    es.addEventListener("beat", news);
    es.addEventListener("change", news);
    // Refused: this page looks by itself.
    es.onerror = () => { if (es && es.readyState > 1) { close(); alone = now(); } };
  };
  const go = () => { open(); if (!paused) load(); };
  setInterval(() => {
    const at = now(), s = Math.round(age() / 1000), old = s >= 20;
    if ($("age")) $("age").textContent = paused ? ", paused" : s > 2 ? ", heard " + s + " s ago" : "";
    stale.hidden = !old;
    $("why").textContent = paused ? "This page is paused" : "This page is old: nothing was heard";
    d.body.classList.toggle("stale", old);
    $("for").textContent = " for " + (s < 120 ? s + " s" : Math.round(s / 60) + " min");
    if (paused || d.hidden) return;
    if (at - loaded > 30000 || (alone && at - alone > 15000)) { alone = 0; loaded = at; go(); }
  }, 1000);
  d.addEventListener("visibilitychange", () => { if (d.hidden) close(); else go(); });
  const release = () => setTimeout(() => { held = 0; if (again) load(); }, 300);
  d.addEventListener("focusout", release);
  d.addEventListener("pointerdown", () => { held = 1; });
  d.addEventListener("pointerup", release);
  d.addEventListener("pointercancel", release);
  // A button that was not under the finger a moment ago was not meant.
  d.addEventListener("click", (e) => {
    const b = e.target.closest(".acts [id]");
    const by = b ? e.pageY - was[b.id] : 0;
    if (b && e.detail && now() - swapped < 500 && !(by >= 0 && by < b.offsetHeight)) e.preventDefault();
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (e) => { if (e.persisted) go(); });
  pause.hidden = false;
  pause.onclick = () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    if (paused) close(); else go();
  };
  open();
})();
