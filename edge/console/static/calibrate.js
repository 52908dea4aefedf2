// SPDX-License-Identifier: Apache-2.0
// Keeps the trace of a settling point up to date; a hidden page asks for nothing.
const live = document.getElementById("live");

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(live.dataset.from, { headers: { accept: "text/html" } });
      if (answer.ok && !live.contains(document.activeElement)) live.innerHTML = await answer.text();
      else if (answer.status === 404) location.reload();
      else if (answer.ok) {
        const fresh = document.createElement("div");
        fresh.innerHTML = await answer.text();
        for (const part of [".trace", ".reading", ".verdict"]) live.querySelector(part).replaceWith(fresh.querySelector(part));
        if (!live.querySelector("[value=take]") && fresh.querySelector("[value=take]")) live.querySelector(".choices").prepend(fresh.querySelector("[value=take]"));
      }
    } catch { /* the line is away; the next look tells */ }
  }
  setTimeout(look, Number(live.dataset.every));
}
look();
