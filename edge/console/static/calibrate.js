// SPDX-License-Identifier: Apache-2.0
// Keeps the trace of a settling point up to date; a hidden page asks for nothing. The buttons stay the same elements:
// one that is exchanged under a finger loses its press.
const live = document.getElementById("live");
let leaving = false;

function show(text) {
  const fresh = document.createElement("div");
  fresh.innerHTML = text;
  for (const part of [".trace", ".reading", ".verdict"]) {
    const old = live.querySelector(part), now = fresh.querySelector(part);
    if (old.outerHTML !== now.outerHTML) {
      old.className = now.className;
      old.innerHTML = now.innerHTML;
    }
  }
  const take = live.querySelector("[value=take]"), offered = fresh.querySelector("[value=take]");
  if (offered && !take) live.querySelector(".choices").prepend(offered);
  else if (take && !offered && !take.matches(":active, :focus")) take.remove();
}

async function look() {
  if (!document.hidden && !leaving) {
    try {
      const answer = await fetch(live.dataset.from, { headers: { accept: "text/html" } });
      if (answer.ok) show(await answer.text());
      else if (answer.status === 404 && !leaving) location.reload();
    } catch { /* the line is away; the next look tells */ }
  }
  setTimeout(look, Number(live.dataset.every));
}

live.closest("form").addEventListener("submit", () => { leaving = true; });
addEventListener("pageshow", () => { leaving = false; });
look();
