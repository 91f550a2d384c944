// Puts parts that the server has made into the page, without disturbing a person who
// reads, writes or moves through it: an element becomes like the new one and stays the same.
'use strict'
window.desk = (() => {
  const policy = window.trustedTypes ? trustedTypes.createPolicy('desk', { createHTML: text => text }) : { createHTML: text => text }
  const byId = id => document.getElementById(id)

  // fragment makes elements of HTML that the server has sent.
  function fragment(html) {
    const t = document.createElement('template')
    t.innerHTML = policy.createHTML(html)
    return t.content
  }

  // get fetches parts of a page. A sign-in that has ended loads the page anew.
  async function get(url) {
    const answer = await fetch(url, { headers: { 'X-Fragment': '1' } })
    if (answer.redirected && new URL(answer.url).pathname === '/signin') location.reload()
    if (!answer.ok) throw Object.assign(new Error('answer ' + answer.status), { status: answer.status })
    return fragment(await answer.text())
  }

  const same = (a, b) => a.nodeName === b.nodeName && (a.id || '') === (b.id || '')

  // morph makes an element like another one. What has data-keep stays as it is, and so do
  // open details and what a person has typed or is choosing.
  function morph(have, want) {
    if (!same(have, want)) return have.replaceWith(document.importNode(want, true))
    if (have.nodeType !== 1) {
      if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue
      return
    }
    if (have.hasAttribute('data-keep') || have.isEqualNode(want)) return
    const log = have.getAttribute('role') === 'log'
    const below = log && have.scrollHeight - have.scrollTop - have.clientHeight < 60
    const held = name => name === 'open' && have.nodeName === 'DETAILS'
    for (const { name, value } of [...want.attributes]) if (!held(name) && have.getAttribute(name) !== value) have.setAttribute(name, value)
    for (const { name } of [...have.attributes]) if (!held(name) && !want.hasAttribute(name)) have.removeAttribute(name)
    const choosing = have.nodeName === 'SELECT' && have === document.activeElement && have.value
    children(have, want)
    if (have.nodeName === 'SELECT') have.value = choosing || [...want.options].find(o => o.hasAttribute('selected'))?.value || want.options[0]?.value
    if (below) have.scrollTop = have.scrollHeight
  }

  function children(have, want) {
    const stays = new Set([...want.children].map(c => c.id).filter(Boolean)), named = new Map()
    for (const child of [...have.children]) {
      if (child.id && stays.has(child.id)) named.set(child.id, child)
      else if (child.id && !child.hasAttribute('data-keep')) child.remove()
    }
    let at = have.firstChild
    for (const next of [...want.childNodes]) {
      const old = next.id ? named.get(next.id) : at && !at.id && same(at, next) ? at : null
      if (!old) have.insertBefore(document.importNode(next, true), at)
      else {
        if (old === at) at = at.nextSibling
        else have.insertBefore(old, at)
        morph(old, next)
      }
    }
    while (at) {
      const after = at.nextSibling
      if (!at.hasAttribute?.('data-keep')) at.remove()
      at = after
    }
  }

  // ---- The list. Rows change in place; they come, go and move only while neither pointer
  // nor focus is in the list, so that nothing slips away under a person's hand.

  // Rows that wait, by id.
  const coming = new Map()
  const leaving = new Set()
  const inUse = list => list.matches(':hover') || list.contains(document.activeElement)

  function rows(part) {
    const list = byId('rows')
    for (const row of part.children) {
      const have = byId(row.id)
      leaving.delete(row.id)
      if (have) morph(have, row)
      coming.set(row.id, row)
    }
    const asked = part.hasAttribute('data-asked') ? part.dataset.asked.split(',').map(id => 'row-' + id) : [...list.children].map(row => row.id)
    for (const id of asked) {
      if ([...part.children].some(row => row.id === id)) continue
      coming.delete(id)
      leaving.add(id)
    }
    if (!inUse(list)) settle()
    const above = [...coming.keys()].filter(id => !byId(id)).length, button = byId('above')
    button.hidden = above === 0
    button.textContent = above + ' new above'
  }

  // settle lets the rows that wait take their places.
  function settle() {
    const list = byId('rows')
    if (!list) return
    const order = row => Number(row.dataset.order)
    for (const id of leaving) if (byId(id) && byId(id).querySelector('[aria-current]') === null) byId(id).remove()
    for (const [id, row] of coming) {
      const have = byId(id) ?? document.importNode(row, true)
      const next = [...list.children].find(other => other !== have && order(other) < order(have))
      // It is on an older page.
      if (!next && !have.isConnected && list.hasAttribute('data-more')) continue
      if (!have.isConnected || have.nextElementSibling !== (next ?? null)) list.insertBefore(have, next ?? null)
    }
    coming.clear()
    leaving.clear()
    byId('above').hidden = true
    byId('empty')?.toggleAttribute('hidden', list.children.length > 0)
  }

  // patch puts parts into the page: each takes the place of the element with its id.
  function patch(parts) {
    const around = []
    for (let e = document.activeElement; e; e = e.parentElement) if (e.id) around.push(e.id)
    for (const part of [...parts.children].flatMap(p => p.nodeName === 'TABLE' ? [...p.tBodies] : p)) {
      const have = part.id && byId(part.id)
      if (!have) continue
      if (part.id === 'rows') rows(part)
      else morph(have, part)
    }
    // What had the focus is gone.
    if (around.length && document.activeElement === document.body) {
      const near = around.map(byId).find(Boolean)
      ;(near?.querySelector('button, a, summary, select, textarea, input:not([type=hidden])') ?? near)?.focus({ preventScroll: true })
    }
  }

  addEventListener('DOMContentLoaded', () => {
    const list = byId('rows')
    if (list) {
      list.addEventListener('pointerleave', () => inUse(list) || settle())
      list.addEventListener('focusout', () => setTimeout(() => inUse(list) || settle()))
      byId('above').addEventListener('click', () => {
        settle()
        list.scrollTop = 0
        list.querySelector('a')?.focus()
      })
    }
    const log = document.querySelector('[role=log]')
    if (log) log.scrollTop = log.scrollHeight
  })
  return { fragment, get, patch }
})()
