// SPDX-License-Identifier: Apache-2.0
// Keeps the page of the alarms true: it loads again while somebody looks and has nothing unfolded.
const EVERY_MS = 15_000

setInterval(() => {
  if (!document.hidden && !document.querySelector("main details[open]")) location.reload()
}, EVERY_MS)
