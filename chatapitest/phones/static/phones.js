// The script of the phones page. The server makes every part of the page; this script
// asks for the parts that have changed, and puts them in place without disturbing a person
// who writes, reads or moves through the page. Without it, forms and links work as always.
"use strict";
(() => {
  const root = document.documentElement;
  const byId = id => document.getElementById(id);
  const sheet = byId("dialog");
  if (!sheet) return; // a page with one form, which works by itself
  const policy = window.trustedTypes
    ? trustedTypes.createPolicy("phones", { createHTML: text => text })
    : { createHTML: text => text };
  const parse = text => new DOMParser().parseFromString(policy.createHTML(text), "text/html");
  const say = text => { byId("said").textContent = text; };

  // ---- Patching: the old element becomes like the new one, and stays the same element.

  const kept = node => node.nodeType === 1 && (node.hasAttribute("data-keep") || node.classList.contains("error"));

  function morph(have, want) {
    if (have.nodeName !== want.nodeName || (have.id || "") !== (want.id || "")) {
      have.replaceWith(document.importNode(want, true));
    } else if (have.nodeType !== 1) {
      if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue;
    } else if (!kept(have) && !have.isEqualNode(want)) {
      const log = have.getAttribute("role") === "log";
      const below = log && have.scrollHeight - have.scrollTop - have.clientHeight < 60;
      for (const { name, value } of [...want.attributes]) {
        if (have.getAttribute(name) !== value && name !== "open") have.setAttribute(name, value);
      }
      for (const { name } of [...have.attributes]) {
        if (!want.hasAttribute(name) && name !== "open" && !name.startsWith("aria-busy")) have.removeAttribute(name);
      }
      const chosen = have.nodeName === "SELECT" && have.value;
      children(have, want);
      if (chosen) have.value = [...have.options].some(o => o.value === chosen) ? chosen : have.options[0]?.value ?? "";
      if (below) have.scrollTop = have.scrollHeight;
    }
  }

  function children(have, want) {
    const stays = new Set([...want.children].map(c => c.id).filter(Boolean));
    const named = new Map();
    for (const child of [...have.children]) {
      if (!child.id) continue;
      if (stays.has(child.id)) named.set(child.id, child);
      else child.remove();
    }
    let at = have.firstChild;
    for (const next of [...want.childNodes]) {
      while (at && at.nodeType === 1 && at.classList.contains("error") && next.nodeName !== at.nodeName) at = at.nextSibling;
      const old = next.id ? named.get(next.id) : at && !at.id && at.nodeName === next.nodeName ? at : null;
      if (!old) {
        have.insertBefore(document.importNode(next, true), at);
        continue;
      }
      if (old === at) at = at.nextSibling;
      else have.insertBefore(old, at);
      morph(old, next);
    }
    while (at) {
      const after = at.nextSibling;
      if (!kept(at)) at.remove();
      at = after;
    }
  }

  // ---- Fetching what has changed. A hidden page waits until it is seen.

  let state = root.dataset.state, everything = false, busy = false, timer = 0, waiting = false;
  const dirty = new Set();
  const address = ids => {
    const url = new URL(location.href);
    url.hash = "";
    url.searchParams.set("ids", ids.join(","));
    return url;
  };

  function changed(parts) {
    const channel = root.dataset.channel + " ", panel = byId("panel").dataset.part;
    for (const part of parts) {
      const name = part.startsWith(channel) ? part.slice(channel.length) : part;
      if (name === panel || panel === "save" && name === "wire") dirty.add("panel");
      else if (byId(name)) dirty.add(name);
    }
    if (dirty.size) soon();
  }
  function all() { everything = true; soon(); }
  function soon() { if (!timer && !document.hidden) timer = setTimeout(fetchParts, 60); else waiting = true; }

  async function fetchParts() {
    timer = 0;
    if (busy) { soon(); return; }
    busy = true;
    const ids = everything || dirty.has("phones") ? ["head", "phones", "panel"] : [...dirty];
    everything = false;
    dirty.clear();
    try { await swap(address(ids)); lost(false); } catch { everything = true; setTimeout(soon, 1000); }
    busy = false;
  }

  async function swap(url) {
    const answer = await fetch(url, { headers: { "X-Fragment": "1" } });
    if (!answer.ok) throw new Error(answer.status);
    const parts = parse(await answer.text()), around = [];
    for (let e = document.activeElement; e; e = e.parentElement) if (e.id) around.push(e.id);
    for (const part of [...parts.body.children]) {
      const have = part.id && byId(part.id);
      if (have) morph(have, part);
    }
    if (around.length && document.activeElement === document.body) { // the button is gone
      const near = around.map(byId).find(Boolean);
      (near?.querySelector("button, a, summary, input:not([type=hidden]), select, textarea") ?? near)?.focus({ preventScroll: true });
    }
    moment = { at: performance.now(), now: Number(document.querySelector("[data-clock]")?.dataset.clock) };
    clock();
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && (waiting || dirty.size || everything)) { waiting = false; soon(); }
  });

  // ---- The stream. One page of this browser holds it and tells the others, because a
  // browser has only six connections to a host.

  const channel = window.BroadcastChannel ? new BroadcastChannel("phones") : null;
  let source = null, release = null;
  const lost = yes => { byId("lost").textContent = yes ? "Connection lost, trying again. What you type stays." : ""; };

  function heard(message) {
    if (message.lost) { lost(true); return; }
    lost(false);
    if (message.parts) { state = message.state; changed(message.parts); }
    else if (message.state !== state) { state = message.state; all(); }
  }
  function tell(message) { heard(message); channel?.postMessage(message); }

  function listen() {
    source = new EventSource("/events");
    source.addEventListener("hello", event => tell({ state: event.data }));
    source.onmessage = event => tell(JSON.parse(event.data));
    source.onerror = () => {
      tell({ lost: true });
      if (source && source.readyState === EventSource.CLOSED) { source.close(); setTimeout(() => source && listen(), 1000); }
    };
  }
  function join() {
    if (release || source) return;
    if (!navigator.locks || !channel) { if (!document.hidden) listen(); return; }
    const stop = new AbortController();
    release = () => stop.abort();
    navigator.locks.request("phones-stream", { signal: stop.signal }, () => new Promise(done => {
      release = done;
      listen();
    })).catch(() => {});
    fetch("/changes").then(a => a.text()).then(now => heard({ state: now })).catch(() => {});
  }
  function part() {
    source?.close();
    source = null;
    release?.();
    release = null;
  }
  if (channel) channel.onmessage = event => heard(event.data);
  addEventListener("pagehide", part);
  addEventListener("pageshow", join);
  if (!navigator.locks || !channel) document.addEventListener("visibilitychange", () => document.hidden ? part() : (all(), join()));

  // ---- Time. The server's clock counts, not that of this computer.

  let moment = { at: performance.now(), now: Number(document.querySelector("[data-clock]").dataset.clock) };
  function clock() {
    const now = moment.now + performance.now() - moment.at;
    const shown = document.querySelector("[data-clock]");
    if (shown) {
      const t = new Date(now), two = n => String(n).padStart(2, "0");
      const text = shown.textContent.replace(/\d\d:\d\d:\d\d$/, `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`);
      if (new Date(Number(shown.dataset.clock)).getDate() === t.getDate() && shown.dataset.zone === String(-t.getTimezoneOffset())) shown.textContent = text;
    }
    for (const span of document.querySelectorAll("[data-ends]")) {
      const left = Number(span.dataset.ends) - now, minutes = Math.floor(left / 60000);
      const text = left > 0 ? `Window open: ${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min left` : "Window closed";
      if (span.textContent !== text) span.textContent = text;
      span.closest(".window").classList.toggle("shut", left <= 0);
    }
    for (const bar of document.querySelectorAll("[data-left]")) bar.value = Math.max(0, Number(bar.dataset.left) - now);
  }
  setInterval(clock, 1000);

  // ---- Forms and links.

  async function open(href) {
    const answer = await fetch(href, { headers: { "X-Fragment": "1" } });
    const body = parse(await answer.text()).body.querySelector(".sheet, main");
    sheet.replaceChildren(document.importNode(body, true));
    if (!sheet.open) sheet.showModal();
    (sheet.querySelector("textarea, input:not([type=hidden]), select") ?? sheet.querySelector("a, button"))?.focus();
  }

  async function send(form, button) {
    const data = new FormData(form, button);
    form.querySelector(".error")?.remove();
    form.setAttribute("aria-busy", "true");
    let problem = "";
    try {
      const answer = await fetch(form.action, { method: "POST", body: data, headers: { "X-Fragment": "1" } });
      if (!answer.ok) problem = await answer.text();
    } catch {
      problem = "The program did not answer. Is it still running? What you typed is still here.";
    }
    form.removeAttribute("aria-busy");
    const field = form.querySelector("textarea, input:not([type=hidden]), select");
    if (problem) {
      const note = document.createElement("p");
      note.className = "error";
      note.id = form.id + "-error";
      note.setAttribute("role", "alert");
      note.textContent = problem;
      form.append(note);
      field?.setAttribute("aria-describedby", note.id);
      field?.focus();
      return;
    }
    if (sheet.contains(form)) sheet.close();
    for (const area of form.querySelectorAll("[data-enter]")) forget(area);
    form.reset();
    if (form.classList.contains("composer")) {
      const log = form.closest(".phone").querySelector(".log");
      log.scrollTop = log.scrollHeight;
      field?.focus();
    } else say("Done.");
  }

  addEventListener("submit", event => {
    const form = event.target;
    if (form.method === "post") {
      event.preventDefault();
      if (form.getAttribute("aria-busy") !== "true") send(form, event.submitter);
    } else if (form.id === "filter") {
      event.preventDefault();
      go("/?" + new URLSearchParams(new FormData(form)));
    }
  });

  async function go(href) {
    const before = location.href;
    history.pushState(null, "", href);
    try { await swap(address(["head", "panel"])); } catch { location.assign(href); return; }
    if (before !== location.href) byId("panel").scrollTop = 0;
  }
  addEventListener("popstate", all);

  addEventListener("click", async event => {
    if (event.target === sheet) { sheet.close(); return; }
    const link = event.target.closest("a[data-dialog], a[data-swap], button[data-copy]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    if (link.hasAttribute("data-copy")) {
      try { await navigator.clipboard.writeText(byId(link.dataset.copy).textContent); say("Copied."); link.textContent = "Copied"; setTimeout(() => { link.textContent = "Copy"; }, 1500); }
      catch { getSelection().selectAllChildren(byId(link.dataset.copy)); say("Marked. Copy it with your keyboard."); }
    } else if (link.hasAttribute("data-dialog")) open(link.href).catch(() => location.assign(link.href));
    else {
      await go(link.href);
      (byId("panel").querySelector("[aria-current]") ?? byId("panel")).focus();
    }
  });

  // Enter sends, Shift and Enter begin a new line. An Enter that ends the writing of a
  // sign, as in Japanese, does not send.
  addEventListener("keydown", event => {
    const area = event.target;
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || !area.matches?.("[data-enter]")) return;
    event.preventDefault();
    if (area.value.trim()) area.form.requestSubmit(area.form.querySelector(".send"));
  });

  // A draft outlives a reload.
  const draft = area => "draft " + root.dataset.channel + " " + area.id;
  const forget = area => sessionStorage.removeItem(draft(area));
  addEventListener("input", event => {
    if (event.target.matches?.("[data-enter]")) sessionStorage.setItem(draft(event.target), event.target.value);
  });
  for (const area of document.querySelectorAll("[data-enter]")) area.value ||= sessionStorage.getItem(draft(area)) ?? "";
  for (const log of document.querySelectorAll("[role=log]")) log.scrollTop = log.scrollHeight;
  if (document.readyState === "complete") join();
})();
