// Keeps the page current. One page of this browser holds the stream and tells the others,
// since a browser has only six connections to a host.
'use strict'
addEventListener('DOMContentLoaded', () => {
  const body = document.body, byId = id => document.getElementById(id), one = query => document.querySelector(query)
  if (!body.dataset.agent) return
  const shared = navigator.locks && window.BroadcastChannel
  const channel = shared ? new BroadcastChannel('desk') : null
  // A page that sends its parts.
  const here = one('[data-fragments]')
  const chosen = Number(here?.dataset.request || 0)

  // ---- What the page has to fetch. A hidden page waits until it is shown.

  const ids = new Set()
  let seq = Number(body.dataset.seq), whole = false, other = false, timer = 0, busy = false, last = 0, took = 0

  // soon refreshes at most every 100 ms. Rows alone take a fifth of the time at most, so that
  // a busy list leaves the machine to what the person reads and writes.
  function soon() {
    // The end of a refresh looks again.
    if (busy || document.hidden || !(whole || other || ids.size)) return
    const rows = !whole && !other && !ids.has(chosen)
    clearTimeout(timer)
    timer = setTimeout(refresh, Math.max(0, last + (rows ? Math.max(100, 5 * took) : 100) - performance.now()))
  }

  async function refresh() {
    busy = true
    last = performance.now()
    const all = whole || !here || ids.size > 100, asked = [...ids], url = new URL(here?.dataset.address ?? location.href, location)
    if (here && !all) url.searchParams.set('ids', asked.join(','))
    whole = other = false
    ids.clear()
    try {
      const before = one('#thread .in:last-of-type')?.id
      if (here) desk.patch(await desk.get(url))
      else await refreshOther(url)
      document.dispatchEvent(new CustomEvent('desk:patched', { detail: { ids: asked, all } }))
      if (before !== one('#thread .in:last-of-type')?.id) seen()
      left()
    } catch (e) {
      // The request went to another department.
      if (e.status === 404) location.assign(here ? here.dataset.list : '/inbox')
      else { whole = true; last = performance.now() + 2000 }
    }
    busy = false
    took = Math.min(1000, Math.max(0, performance.now() - last))
    soon()
  }

  // refreshOther renews what has data-live, on a page that does not send its parts.
  async function refreshOther(url) {
    const page = desk.fragment(await (await fetch(url)).text()), parts = new DocumentFragment()
    for (const part of page.querySelectorAll('[data-live][id]')) parts.append(part)
    desk.patch(parts)
  }

  // ---- What the stream says, to this page or to the one that holds it.

  // Who looks at a request has no number that would tell what changed while nothing was heard.
  const gap = () => chosen && ids.add(chosen)
  gap()
  function heard(m) {
    if (m.lost !== undefined && !m.seq) return gap(), void (byId('lost').textContent = m.lost ? 'Connection lost, trying again. What you type stays.' : '')
    byId('lost').textContent = ''
    if (String(m.agent) !== body.dataset.agent || (body.dataset.signin && m.signIn !== body.dataset.signin)) return void location.reload()
    counts = m.counts
    // Each change of the page costs a layout and a frame.
    counting ||= setTimeout(count, 300)
    // Something was missed.
    if (m.reset || m.before > seq) {
      whole = true
      seq = Math.max(seq, m.seq)
      // Not all browsers ask at once.
      if (m.reset) last = performance.now() + Math.random() * 3000
      return soon()
    }
    seq = Math.max(seq, m.seq)
    const list = byId('rows')
    for (const id of [...m.changed ?? [], ...m.lost ?? []]) if (list || id === chosen) ids.add(id)
    if (chosen && m.looked?.includes(chosen)) ids.add(chosen)
    for (const kind of m.kinds ?? []) if (one(`[data-live~="${kind}"]`)) other = true
    soon()
  }

  let counts, counting = 0, spoke = 0
  function count() {
    counting = 0
    for (const [name, n] of Object.entries(counts)) {
      const e = byId('count-' + name.toLowerCase())
      if (e && e.textContent !== String(n)) e.textContent = n
    }
    const badge = byId('unread'), unread = counts.Unread, before = Number(badge?.dataset.n ?? parseInt(badge?.textContent) ?? 0) || 0
    if (badge && unread !== before) {
      badge.dataset.n = unread
      badge.textContent = unread || ''
      if (unread) badge.append(Object.assign(document.createElement('span'), { className: 'unseen', textContent: ' unread' }))
    }
    const title = (unread ? `(${unread}) ` : '') + document.title.replace(/^\(\d+\) /, '')
    if (document.title !== title) document.title = title
    if (unread > before && byId('news') && performance.now() - spoke > 5000) {
      spoke = performance.now()
      byId('news').textContent = `${unread - before} more unread`
    }
  }

  // ---- The stream itself.

  let source = null, release = null, newest = null
  const tell = m => {
    heard(m)
    channel?.postMessage(m)
  }
  function listen() {
    let before = seq
    source = new EventSource('/events?after=' + seq)
    source.onmessage = event => {
      const m = JSON.parse(event.data)
      newest = { ...m, before: m.seq, changed: [], looked: [], kinds: [], lost: [], reset: false }
      tell({ ...m, before })
      before = m.seq
    }
    source.onerror = () => {
      tell({ lost: true })
      if (source?.readyState !== EventSource.CLOSED) return
      // Refused: the sign-in has ended, or the program is starting.
      source = null
      fetch('/events', { method: 'HEAD' }).then(a => { if (a.redirected) location.reload() }, () => {})
      setTimeout(() => { if (release || !shared) listen() }, 2000)
    }
  }
  function join() {
    if (release || source) return
    if (!shared) return void (document.hidden || listen())
    const stop = new AbortController()
    release = () => stop.abort()
    navigator.locks.request('desk-stream', { signal: stop.signal }, () => new Promise(done => {
      release = done
      listen()
    })).catch(() => {})
    channel.postMessage({ hello: true })
  }
  // A page in the browser's back and forward cache must hold nothing.
  function part() {
    source?.close()
    source = null
    release?.()
    release = null
  }
  if (channel) channel.onmessage = event => {
    if (!event.data.hello) heard(event.data)
    else if (newest && source) channel.postMessage(newest)
  }
  addEventListener('pagehide', () => {
    part()
    look(true)
  })
  addEventListener('pageshow', event => {
    if (event.persisted) { whole = true; soon() }
    join()
  })
  document.addEventListener('visibilitychange', () => {
    if (!shared) document.hidden ? part() : (whole = true, join())
    soon()
    if (document.hidden) return
    look()
    seen()
  })

  // ---- What this page says: who looks and writes, and what was seen for a second.

  let wrote = -1e9, said = false
  const post = (act, fields) => fetch(`/requests/${chosen}/${act}`, { method: 'POST', body: new URLSearchParams(fields), headers: { 'X-Fragment': '1' }, keepalive: true }).catch(() => {})
  function look(gone) {
    if (!chosen || document.hidden && !gone) return
    said = performance.now() - wrote < 8000
    post('presence', gone ? { gone: 1 } : { writing: said ? 1 : '' })
  }
  let seeing = 0
  function seen() {
    clearTimeout(seeing)
    seeing = setTimeout(() => {
      const newest = [...document.querySelectorAll('#thread [data-message]')].pop()
      if (chosen && newest && !document.hidden) post('seen', { message: newest.dataset.message })
    }, 1000)
  }
  document.addEventListener('input', event => {
    if (!event.target.closest('#composer')) return
    wrote = performance.now()
    if (!said) look()
  })
  setInterval(look, 8000)
  look()
  seen()

  const narrow = matchMedia('(max-width:1100px)'), aside = byId('panel-open')
  const fold = () => { if (aside) aside.open = !narrow.matches }
  narrow.onchange = fold
  fold()

  // ---- Time: the server says how long a window stays open, and this computer only counts.

  const began = new WeakMap()
  function left() {
    for (const e of document.querySelectorAll('#rows [data-left]')) {
      if (began.get(e)?.from !== e.dataset.left) began.set(e, { from: e.dataset.left, at: performance.now() })
      const minutes = Math.floor((Number(e.dataset.left) - (performance.now() - began.get(e).at) / 1000) / 60)
      const text = minutes < 0 ? 'window closed' : `closes in ${minutes < 60 ? minutes + ' min' : Math.floor(minutes / 60) + ' h'}`
      if (e.textContent !== text) e.textContent = text
    }
  }
  setInterval(left, 20000)
  left()
})
