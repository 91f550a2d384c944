// Shows a new template as the customer will see it, while a person writes it.
'use strict'
addEventListener('DOMContentLoaded', () => {
  const form = document.getElementById('template-form')
  let timer = 0, asked = 0
  async function show() {
    const mine = ++asked, answer = await fetch('/templates/preview', { method: 'POST', body: new URLSearchParams(new FormData(form)), headers: { 'X-Fragment': '1' } })
    if (answer.ok && mine === asked) desk.patch(desk.fragment(await answer.text()))
  }
  form.addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(() => show().catch(() => {}), 250)
  })
})
