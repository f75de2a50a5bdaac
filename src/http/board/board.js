(() => {
  const d = document, base = d.body.dataset.base, $ = (id) => d.getElementById(id);
  const live = $("live"), stale = $("stale"), pause = $("pause");
  let heard = Date.now(), loaded = heard, es, tag = "", busy, again, paused, alone = 0;
  const editing = () => /^(INPUT|SELECT|TEXTAREA)$/.test((d.activeElement || {}).tagName) && $("main").contains(d.activeElement);
  const swap = (html) => {
    const main = new DOMParser().parseFromString(html, "text/html").querySelector("main");
    if (!main) return;
    const focus = d.activeElement && d.activeElement.id, y = scrollY;
    $("main").replaceWith(main);
    if (d.title !== main.dataset.title) d.title = live.textContent = main.dataset.title;
    if (focus && $(focus)) $(focus).focus({ preventScroll: true });
    scrollTo(0, y);
  };
  const load = async () => {
    again = busy || editing();
    if (again) return;
    busy = 1;
    try {
      const r = await fetch(base + "/board?part=main", { headers: tag ? { "If-None-Match": tag } : {}, signal: AbortSignal.timeout(10000) });
      if (r.status === 401) return location.reload();
      const html = await r.text();
      if (r.ok && editing()) again = 1;
      else if (r.ok) { tag = r.headers.get("ETag"); swap(html); }
      if (r.ok || r.status === 304) heard = loaded = Date.now();
    } catch {} // The banner says it.
    busy = 0;
    if (again && !editing()) load();
  };
  const close = () => { if (es) es.close(); es = 0; };
  const open = () => {
    if (es || paused || d.hidden) return;
    // Fresh is what was loaded, and what the server says is so still; that the stream lives says nothing of the page.
    const news = (e) => {
      if (e.type === "beat" && e.data === $("main").dataset.n) heard = Date.now();
      else load();
    };
    es = new EventSource(base + "/board/events");
    es.addEventListener("beat", news);
    es.addEventListener("change", news);
    // Refused: this page looks by itself.
    es.onerror = () => { if (es && es.readyState > 1) { close(); alone = Date.now(); } };
  };
  const go = () => { open(); if (!paused) load(); };
  setInterval(() => {
    const now = Date.now(), s = Math.round((now - heard) / 1000), old = s >= 20 && !paused;
    if ($("age")) $("age").textContent = paused ? ", paused" : s > 2 ? ", heard " + s + " s ago" : "";
    stale.hidden = !old;
    d.body.classList.toggle("stale", old);
    $("for").textContent = " for " + (s < 120 ? s + " s" : Math.round(s / 60) + " min");
    if (paused || d.hidden) return;
    if (now - loaded > 30000 || (alone && now - alone > 15000)) { alone = 0; loaded = now; go(); }
  }, 1000);
  d.addEventListener("visibilitychange", () => { if (d.hidden) close(); else go(); });
  d.addEventListener("focusout", () => { if (again) setTimeout(load, 300); });
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
