// Keys: single ones outside fields, which the profile switches off, and Escape.
'use strict'
addEventListener('DOMContentLoaded', () => {
  const pages = { i: '/inbox', q: '/requests', c: '/costs' }
  const field = e => e.closest?.('input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]')
  const shown = e => e.checkVisibility?.() ?? e.offsetParent !== null
  let going = 0

  const rows = () => [...document.querySelectorAll('#rows a')]
  function move(by, wanted = () => true) {
    const all = rows(), at = Math.max(all.indexOf(document.activeElement), -1)
    let n = at < 0 ? all.findIndex(a => a.hasAttribute('aria-current')) : at
    if (n < 0 && by < 0) n = all.length
    for (n += by; n >= 0 && n < all.length; n += by) if (wanted(all[n])) return void all[n].focus()
  }

  function act(key) {
    if (key === 'j') return move(1)
    if (key === 'k') return move(-1)
    if (key === 'u') return move(1, a => a.classList.contains('unread'))
    if (key === '?') return void document.getElementById('keys')?.showModal()
    const control = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].find(shown)
    if (!control) return false
    if (field(control)) control.focus()
    else control.click()
  }

  addEventListener('keydown', event => {
    const { key, target } = event
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return
    if (key === 'Escape') return void (field(target) && target.blur())
    if (!('keys' in document.body.dataset) || field(target) || document.querySelector('dialog[open]')) return
    const then = going && performance.now() - going < 1500
    going = 0
    if (then && pages[key]) {
      event.preventDefault()
      return void location.assign(pages[key])
    }
    if (key === 'g') return void (going = performance.now())
    const name = key === 'E' ? 'E' : key.toLowerCase()
    if (name.length === 1 && act(name) !== false) event.preventDefault()
  })
})
