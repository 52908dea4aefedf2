// SPDX-License-Identifier: Apache-2.0
// Shows the confirm page as a dialog and sends forms without leaving the page. Without it both work as pages.
const dialog = document.getElementById("dialog")

function show(html) {
  const page = new DOMParser().parseFromString(html, "text/html")
  const content = page.querySelector(".confirm")
  if (!content) return false
  dialog.replaceChildren(content)
  if (!dialog.open) dialog.showModal()
  return true
}

async function send(form) {
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) })
  const page = new URL(answer.url)
  if (page.pathname === "/login") location.assign("/login")
  else if (answer.ok && dialog.open) dialog.close()
  else if (!answer.ok && !show(await answer.text())) location.reload()
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-dialog], a[data-cancel]")
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return
  if ("cancel" in link.dataset) {
    if (dialog.open) {
      event.preventDefault()
      dialog.close()
    }
    return
  }
  event.preventDefault()
  const answer = await fetch(link.href).catch(() => null)
  if (!answer || new URL(answer.url).pathname === "/login" || !show(await answer.text())) location.assign(link.href)
})

document.addEventListener("submit", (event) => {
  const form = event.target
  if (!dialog.contains(form) && !("quiet" in form.dataset)) return
  event.preventDefault()
  for (const button of form.querySelectorAll("button")) button.disabled = true
  send(form).catch(() => form.submit())
})
