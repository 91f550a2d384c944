// The contrast of each text that is seen with the color behind it, as WCAG 2 computes it:
// 4.5, or 3 for large texts. A text before a picture or a gradient is not judged.
(() => {
	const canvas = document.createElement('canvas')
	canvas.width = canvas.height = 1
	const pen = canvas.getContext('2d', {willReadFrequently: true})
	const known = new Map()
	// rgba reads any color of CSS as red, green, blue (0 to 255) and alpha (0 to 1).
	const rgba = color => {
		if (!known.has(color)) {
			pen.clearRect(0, 0, 1, 1)
			pen.fillStyle = color
			pen.fillRect(0, 0, 1, 1)
			const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data
			known.set(color, [r, g, b, a / 255])
		}
		return known.get(color)
	}
	const over = (front, back) => [0, 1, 2].map(n => front[n] * front[3] + back[n] * (1 - front[3])).concat(1)
	const light = ([r, g, b]) => {
		const [x, y, z] = [r, g, b].map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
		return 0.2126 * x + 0.7152 * y + 0.0722 * z
	}
	const ratio = (a, b) => {
		const [high, low] = [light(a), light(b)].sort((x, y) => y - x)
		return (high + 0.05) / (low + 0.05)
	}
	// behind returns the color behind an element, or null behind a picture.
	const behind = element => {
		const layers = []
		for (let at = element; at; at = at.parentElement) {
			const style = getComputedStyle(at)
			if (style.backgroundImage !== 'none') return null
			layers.push(rgba(style.backgroundColor))
			if (layers.at(-1)[3] === 1) break
		}
		const dark = getComputedStyle(document.documentElement).colorScheme.includes('dark') && matchMedia('(prefers-color-scheme: dark)').matches
		return layers.reduceRight((back, layer) => over(layer, back), dark ? [18, 18, 18, 1] : [255, 255, 255, 1])
	}
	const faded = element => {
		let opacity = 1
		for (let at = element; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity)
		return opacity
	}
	const seen = (element, box) => {
		if (!element.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true}) || box.width <= 1 || box.height <= 1) return false
		const style = getComputedStyle(element)
		return style.clipPath === 'none' || style.position !== 'absolute' // hidden but for screen readers
	}
	const found = new Map()
	const judge = (element, style, text) => {
		if (element.closest(':disabled, [aria-disabled=true], [aria-hidden=true]')) return
		const back = behind(element)
		const color = rgba(style.color).slice()
		color[3] *= faded(element)
		if (!back || color[3] === 0) return
		const size = parseFloat(style.fontSize)
		const least = size >= 24 || size >= 18.66 && Number(style.fontWeight) >= 700 ? 3 : 4.5
		const is = ratio(over(color, back), back)
		const place = element.tagName + element.className + style.color
		if (is + 0.005 < least && !found.has(place)) {
			found.set(place, `the text ${JSON.stringify(text.trim().slice(0, 60))} has a contrast of ${is.toFixed(2)}, less than ${least}: ${element.outerHTML.slice(0, 120)}`)
		}
	}
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
	for (let text; (text = texts.nextNode());) {
		const element = text.parentElement
		if (!text.data.trim() || element.closest('script, style, noscript, template')) continue
		const range = document.createRange()
		range.selectNodeContents(text)
		if (seen(element, range.getBoundingClientRect())) judge(element, getComputedStyle(element), text.data)
	}
	for (const field of document.querySelectorAll('input, textarea, select')) {
		if (!seen(field, field.getBoundingClientRect())) continue
		if (field.value) judge(field, getComputedStyle(field), String(field.value))
		else if (field.placeholder) judge(field, getComputedStyle(field, '::placeholder'), field.placeholder)
	}
	return Array.from(found.values())
})()
