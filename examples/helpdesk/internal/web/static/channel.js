// Forms that connect a channel: each step is shown when it is over, and the typed token
// stays in its field.
'use strict'
for (const form of document.querySelectorAll('form[data-connect]')) {
  const find = what => form.parentElement.querySelector(`[data-${what}]`)

  function begin() {
    form.querySelectorAll('.field-error').forEach(old => old.remove())
    for (const field of form.querySelectorAll('[aria-invalid]')) {
      field.removeAttribute('aria-invalid')
      field.setAttribute('aria-describedby', field.id + '-hint')
    }
    find('wrong').hidden = true
    find('steps').hidden = false
    for (const step of find('steps').children) {
      step.dataset.name ??= step.textContent
      step.textContent = step.dataset.name
      step.className = ''
    }
  }

  function over({ step, wrong, sentence }) {
    const line = find(`step=${step}`)
    line.className = wrong ? 'bad' : 'good'
    line.textContent = `${line.dataset.name}${wrong ? ', wrong' : ''}: ${sentence}`
  }

  function refused({ sentence, fields = [] }) {
    for (const name of fields) {
      const field = form.elements[name], why = document.createElement('p')
      Object.assign(why, { className: 'field-error', id: name + '-error', textContent: sentence })
      field.after(why)
      field.setAttribute('aria-invalid', 'true')
      field.setAttribute('aria-describedby', `${why.id} ${name}-hint`)
    }
    if (fields.length) return form.elements[fields[0]].focus()
    find('wrong').textContent = sentence
    find('wrong').hidden = false
  }

  function connected({ sentence, details, channel, hidden }) {
    form.reset()
    form.hidden = true
    find('sentence').textContent = sentence
    find('details').textContent = details
    find('display').action = `/manage/channels/${channel}/display`
    find('display').hidden = find('hidden').hidden = !hidden
    find('connected').hidden = false
    find('connected').focus()
  }

  async function send() {
    const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)), headers: { 'X-Fragment': '1' } })
    if (answer.redirected) return location.reload() // the sign-in is over
    if (!answer.ok) throw await answer.text()
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
    for (let rest = ''; ;) {
      const { done, value } = await reader.read()
      if (done) throw 'The connection broke. Press the button again: nothing is done twice.'
      const lines = (rest + value).split('\n')
      rest = lines.pop()
      for (const line of lines.map(text => JSON.parse(text))) {
        if (line.end) return line.wrong ? refused(line) : connected(line)
        over(line)
      }
    }
  }

  form.addEventListener('submit', async event => {
    event.preventDefault()
    const button = form.querySelector('button')
    if (button.ariaDisabled) return
    button.ariaDisabled = 'true' // one that is disabled would lose the focus
    begin()
    await send().catch(e => refused({ sentence: typeof e === 'string' ? e : 'The helpdesk does not answer. Try again.' }))
    button.ariaDisabled = null
  })
}
