// The place to write. The server makes #composer anew after each message; typed text stays.
'use strict'
document.getElementById('composer') && (() => {
  const box = () => document.getElementById('composer'), $ = query => box().querySelector(query), all = query => box().querySelectorAll(query)
  const ask = (url, more) => fetch(url, { headers: { 'X-Fragment': '1' }, ...more })
  const base = '/requests/' + box().dataset.request, post = (path, body, more) => ask(base + path, { method: 'POST', body, ...more }).catch(() => {})
  const read = async answer => desk.fragment(await answer.text()).querySelector('#composer')
  const newest = kind => [...document.querySelectorAll(`#thread ${kind}[data-message]`)].pop()?.dataset.message || 0
  const say = text => { $('#composer-status').textContent = text }
  const focus = () => ($('[aria-invalid]') ?? $('.panel:not([hidden]) :is(textarea, input:not([type=hidden]))'))?.focus()
  let began = performance.now(), timer = 0, later = 0, typed = -1e9, sending = false, dirty, heard = newest('.in')

  function show(next, keep) {
    const old = box(), had = old.contains(document.activeElement)
    for (const name of keep.split(' ')) {
      const a = old.querySelector('#composer-' + name), b = next.querySelector('#composer-' + name), what = name === 'file' ? 'files' : 'value'
      if (a && b) b[what] = a[what]
    }
    old.replaceWith(next)
    if (had) focus()
    began = performance.now()
    count()
    priced()
  }
  // The ledger knows a moment later that somebody has written.
  function priced() {
    clearTimeout(later)
    if ($('#composer-price')?.textContent === '') later = setTimeout(renew, 3000)
  }
  async function renew(query) {
    const tab = $('[data-panel=note]').hidden ? 'reply' : 'note'
    // A template is being filled in, which can be sent at any time.
    if (!query && $('[data-preview]')) return
    const answer = await ask(base + '/composer' + (query || '?tab=' + tab)).catch(() => {}), next = answer?.ok && await read(answer)
    if (!next || sending) return
    if (query || next.dataset.state !== box().dataset.state) return show(next, /edit=|ask=/.test(query) ? 'note file' : 'text note file')
    box().dataset.left = next.dataset.left
    const price = next.querySelector('#composer-price')
    if (price) $('#composer-price').textContent = price.textContent
    began = performance.now()
    priced()
  }

  async function send(form, button) {
    if (sending) return
    const { seen } = form.elements
    if (seen) seen.value = Math.max(seen.value, newest(''))
    const body = new FormData(form, button)
    sending = true
    // One that is disabled would lose the focus.
    button.ariaDisabled = 'true'
    dirty = null
    try {
      const answer = await ask(form.getAttribute('action'), { method: 'POST', body, signal: AbortSignal.timeout(30000) }), next = await read(answer)
      if (next) show(next, !answer.ok ? 'text note file' : form.dataset.panel === 'note' ? 'text file' : 'note')
      else if (answer.status === 401) say('You are signed out. Sign in in another tab.')
      else if (answer.status < 500) say('That did not work. Copy your text, and load the page again.')
      else throw answer
    } catch { // the key makes a second try the same message
      say('No answer came. Your text is kept. Send it again: it goes out once.')
    }
    sending = false
    button.ariaDisabled = null
  }
  function saveDraft(more) {
    if (dirty && !sending) post('/draft', new URLSearchParams({ text: dirty.value, kind: dirty.name, key: dirty.form.elements.key?.value ?? '' }), more)
    dirty = null
  }

  // After a slash, Enter takes the first canned reply.
  const slash = field => field.name === 'text' && /^\/\S*$/.test(field.value), fitting = () => $('.canned li:not([hidden]) a')
  function filter(field) {
    const on = slash(field), begin = field.value.slice(1).toLowerCase()
    for (const a of all('.canned a')) a.parentElement.hidden = on && !a.dataset.short.toLowerCase().startsWith(begin)
    for (const list of all('.canned')) list.open = on
    say(on && fitting() ? 'Enter puts in /' + fitting().dataset.short : '')
  }
  function putIn(text) {
    const field = $('#composer-text')
    field.value = slash(field) || !field.value ? text : field.value + '\n' + text
    field.focus()
    field.dispatchEvent(new Event('input', { bubbles: true }))
  }
  async function preview(form) {
    const body = new FormData(form)
    body.set('preview', '1')
    body.delete('file')
    const answer = await post('/templates', body)
    if (answer?.ok) $('#template-preview')?.replaceWith(desk.fragment(await answer.text()))
  }

  addEventListener('input', ({ target }) => {
    const form = target.closest('#composer [data-preview]'), text = target.matches('#composer textarea')
    if (!form && !text) return
    if (target.ariaInvalid) say(''), target.ariaInvalid = null
    if (dirty !== target) saveDraft()
    if (text) filter(dirty = target)
    clearTimeout(timer)
    timer = setTimeout(form ? preview : saveDraft, form ? 300 : 1000, form)
    if (target.name !== 'text' || !('typing' in box().dataset) || performance.now() - typed < 20000) return
    typed = performance.now()
    post('/typing')
  })
  addEventListener('keydown', event => {
    const { target } = event
    if (event.key !== 'Enter' || event.isComposing || event.keyCode === 229 || !target.matches('#composer textarea')) return
    if (event.shiftKey || event.altKey || !(event.ctrlKey || event.metaKey || 'enter' in document.body.dataset)) return
    event.preventDefault()
    if (slash(target) && fitting()) putIn(fitting().dataset.put)
    else if (target.value.trim() || target.form.elements.file?.value) target.form.requestSubmit()
  })
  addEventListener('submit', event => {
    if (!event.target.matches('#composer form[method=post]')) return
    event.preventDefault()
    send(event.target, event.submitter || event.target.querySelector('.main'))
  })
  addEventListener('click', event => {
    const link = event.target.closest('#composer a[href^="?"], #thread .acts a'), { put, tab } = link?.dataset ?? {}
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    if (put) return putIn(put)
    if (!tab) return void renew(link.search || '?tab=reply').then(focus)
    for (const a of all('[data-tab]')) a.ariaCurrent = a === link ? 'true' : null
    for (const p of all('[data-panel]')) p.hidden = p.dataset.panel !== tab
    focus()
  })

  // The server says how long the window stays open; this computer only counts.
  function count() {
    const left = box().dataset.left - (performance.now() - began) / 1000, m = Math.floor(left / 60), out = $('#window-left')
    if (!out) return
    out.textContent = (m >= 60 ? Math.floor(m / 60) + ' h ' : '') + m % 60 + ' min'
    if (left <= 0 || (left <= 3600 && box().dataset.state === 'open')) renew()
  }
  document.addEventListener('desk:patched', ({ detail }) => {
    if (heard === (heard = newest('.in')) && !detail.all) return
    // The customer wrote, so the window is open for longer. While it is open, that has time.
    clearTimeout(later)
    later = setTimeout(renew, box().dataset.state === 'open' ? 1000 : 0)
  })
  addEventListener('pagehide', () => saveDraft({ keepalive: true }))
  setInterval(count, 5000)
  priced()
})()
