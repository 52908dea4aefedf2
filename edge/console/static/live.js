// SPDX-License-Identifier: Apache-2.0
// Keeps the page true: one stream a tab, closed when hidden; ages and countdowns go on by themselves.
// The rule it keeps: without news for six seconds the page says so, and an old number never looks live.
const body = document.body
const lost = document.getElementById("lost")
const lostText = lost.textContent
const clock = document.getElementById("clock")
const SILENT_MS = 6000
const RETRY_MS = 2000

let source = null
let retry = 0
let heardAt = performance.now()
let farmNow = Number(body.dataset.now) // the farm's time when last heard
const now = () => farmNow + performance.now() - heardAt
const address = new URL(body.dataset.live, location.href)

function open() {
  if (source || document.hidden) return
  source = new EventSource(address)
  source.onmessage = (event) => hear(JSON.parse(event.data))
  source.onerror = () => {
    close()
    showLost()
    clearTimeout(retry)
    retry = setTimeout(open, RETRY_MS)
  }
}

function close() {
  source?.close()
  source = null
}

function hear(message) {
  if (message.again) {
    close()
    const last = Number(sessionStorage.getItem("again") ?? 0)
    sessionStorage.setItem("again", Date.now())
    setTimeout(() => location.reload(), Date.now() - last > 10000 ? 0 : 5000)
    return
  }
  heardAt = performance.now()
  farmNow = message.now
  clock.textContent = message.clock
  address.searchParams.set("seen", message.number)
  for (const [id, html] of Object.entries(message.parts)) replace(id, html)
  for (const [id, [text, at, mark]] of Object.entries(message.quick)) {
    const tile = document.getElementById(id)
    if (!tile) continue
    tile.querySelector(".number b").textContent = text
    tile.dataset.at = at
    tile.querySelector(".gauge circle")?.setAttribute("cx", mark)
  }
  lost.hidden = true
  body.classList.remove("lost")
  tick()
}

function replace(id, html) {
  const old = document.getElementById(id)
  if (!old) return
  const focused = old.contains(document.activeElement) ? document.activeElement.id : ""
  const holder = document.createElement("template")
  holder.innerHTML = html
  old.replaceWith(holder.content)
  if (focused) document.getElementById(focused)?.focus()
}

function showLost() {
  if (!lost.hidden) return
  lost.textContent = lostText.replace("…", clock.textContent)
  lost.hidden = false
  body.classList.add("lost")
}

const ago = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" })
function age(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  if (seconds < 60) return ago.format(-seconds, "second")
  if (seconds < 3600) return ago.format(-Math.floor(seconds / 60), "minute")
  if (seconds < 172800) return ago.format(-Math.floor(seconds / 3600), "hour")
  return ago.format(-Math.floor(seconds / 86400), "day")
}

function tick() {
  const at = now()
  for (const tile of document.querySelectorAll("[data-at]")) {
    const old = at - Number(tile.dataset.at)
    const label = tile.querySelector(".age")
    if (label.textContent) label.textContent = age(old)
    if (old > Number(tile.dataset.old) && !tile.matches(".old, .bad")) {
      tile.classList.add("old")
      tile.querySelector(".note").textContent = body.dataset.oldWord
    }
  }
  for (const left of document.querySelectorAll("[data-until]")) {
    const seconds = Math.max(0, Math.ceil((Number(left.dataset.until) - at) / 1000))
    left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
  }
  if (!document.hidden && performance.now() - heardAt > SILENT_MS) {
    showLost()
    if (source) {
      close()
      retry = setTimeout(open, RETRY_MS)
    }
  }
}

document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()))
addEventListener("pagehide", close)
addEventListener("pageshow", open)
setInterval(tick, 1000)
open()
