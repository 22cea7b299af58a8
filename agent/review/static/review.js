// What is nicer with a script; every page works without it.
"use strict";

// Choosing from a list shows the results at once; empty fields are left out of the address.
for (const form of document.querySelectorAll("form.r-filters")) {
  form.addEventListener("submit", () => {
    for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
  });
  form.addEventListener("change", (event) => {
    if (event.target.tagName === "SELECT" && event.target.value !== undefined && form.checkValidity()) form.requestSubmit();
  });
}
// Coming back with the browser's own button, fields say what the list shows, not what was typed into them since.
window.addEventListener("pageshow", (event) => {
  const [arrival] = performance.getEntriesByType("navigation");
  if (!event.persisted && arrival?.type !== "back_forward") return;
  for (const form of document.querySelectorAll("form.r-filters")) {
    for (const field of form.elements) field.disabled = false;
    form.reset();
  }
});

// The reviewer's name is remembered in this browser.
for (const form of document.querySelectorAll("form[data-remember]")) {
  const name = form.elements.reviewer;
  try {
    if (!name.value) name.value = localStorage.getItem("reviewer") || "";
    form.addEventListener("submit", () => localStorage.setItem("reviewer", name.value));
  } catch { /* the browser keeps nothing */ }
}

// A text is read without losing one's place on the page.
for (const form of document.querySelectorAll("form[data-try]")) {
  const place = document.querySelector(".r-tried");
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    place.setAttribute("aria-busy", "true");
    try {
      const reply = await fetch(form.getAttribute("action").split("#")[0], {
        method: "POST", body: new URLSearchParams(new FormData(form)), headers: { "x-part": "1" },
      });
      const text = await reply.text();
      if (!(reply.headers.get("content-type") || "").startsWith("text/html")) throw new Error(text.slice(0, 300));
      place.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
    } catch (error) {
      const said = document.createElement("p");
      said.className = "r-message";
      said.setAttribute("role", "alert");
      said.textContent = `The server did not answer: ${error.message}`;
      place.replaceChildren(said);
    } finally {
      button.disabled = false;
      place.removeAttribute("aria-busy");
    }
  });
  form.elements.text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}
