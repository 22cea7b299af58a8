"use strict";
// The page says everything without this: it adds the theme, the filter of experiments, and a reading at each token.
document.addEventListener("DOMContentLoaded", () => {
  const root = document.documentElement;
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    const say = () => { button.textContent = dark() ? "Light" : "Dark"; };
    button.hidden = false;
    button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; say(); });
    say();
  }

  for (const part of document.querySelectorAll("[data-experiments]")) {
    const form = part.querySelector("[data-filter]");
    if (!form) continue;
    const rows = [...part.querySelectorAll(".s-exps tbody tr")];
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    const apply = () => {
      const wanted = form.elements.text.value.trim().toLowerCase(), which = form.elements.which.value;
      let shown = 0;
      for (const row of rows) {
        const fits = (!which || (which === "wrong" ? row.dataset.w === "1" : row.dataset.f === which))
          && (!wanted || row.textContent.toLowerCase().includes(wanted));
        row.hidden = !fits;
        shown += fits;
      }
      const isAll = !wanted && !which;
      for (const round of part.querySelectorAll(".s-round"))
        if (!isAll) round.open = !!round.querySelector(".s-exps tbody tr:not([hidden])");
      form.querySelector("[data-count]").textContent = isAll ? "" : `${shown} of ${rows.length} shown`;
    };
    form.addEventListener("input", apply);
  }

  // A link to an experiment opens the round that holds it.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    const round = target && target.closest("details");
    if (round) { round.open = true; target.scrollIntoView({ block: "center" }); }
  };
  addEventListener("hashchange", reveal);
  reveal();
  addEventListener("beforeprint", () => { for (const round of document.querySelectorAll(".s-story details.s-round")) round.open = true; });

  const tell = (token) => {
    const story = token.closest(".s-story"), out = story && story.querySelector("[data-readout]");
    for (const other of document.querySelectorAll(".s-now")) other.classList.remove("s-now");
    token.classList.add("s-now");
    const twin = token.closest(".s-cols");
    const parts = [`${token.textContent}: ${token.dataset.v}`];
    if (token.dataset.l) parts.push(`level ${token.dataset.l}`);
    if (twin) {
      const at = [...token.parentNode.querySelectorAll(".s-t")].indexOf(token);
      const both = [...twin.querySelectorAll(".s-heat")].map((row) => row.querySelectorAll(".s-t")[at]);
      if (both.length === 2 && both[1]) {
        for (const one of both) one.classList.add("s-now");
        parts.splice(0, parts.length, `${token.textContent}: true ${both[0].dataset.v}, simulated ${both[1].dataset.v} (level ${both[1].dataset.l})`);
      }
    }
    if (out) out.textContent = parts.join(", ");
    token.closest(".s-heat").setAttribute("aria-description", parts.join(", "));
  };
  document.addEventListener("mouseover", (event) => {
    const token = event.target.closest && event.target.closest(".s-heat .s-t");
    if (token) tell(token);
  });
  document.addEventListener("keydown", (event) => {
    const row = event.target.closest && event.target.closest(".s-heat");
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!row || !step) return;
    const tokens = [...row.querySelectorAll(".s-t")], now = tokens.findIndex((token) => token.classList.contains("s-now"));
    const next = tokens[Math.min(tokens.length - 1, Math.max(0, now + step))];
    if (next) { event.preventDefault(); tell(next); }
  });
});
