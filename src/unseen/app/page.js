// A report within the page tells how high it is; nothing else is taken from it.
window.addEventListener("message", (event) => {
  const height = Number(event.data?.height);
  if (!Number.isFinite(height)) return;
  for (const frame of document.querySelectorAll("iframe.unseen-report")) {
    if (frame.contentWindow === event.source) frame.style.height = `${Math.ceil(height) + 8}px`;
  }
});

// A map is enlarged where it is; Escape, or a click, puts it back.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-enlarge]");
  if (!button) return;
  const large = document.createElement("dialog"), picture = button.querySelector("img").cloneNode();
  const name = document.createElement("p");
  name.textContent = picture.alt;
  large.className = "unseen-enlarged";
  large.append(picture, name);
  large.addEventListener("click", () => large.close());
  large.addEventListener("close", () => { large.remove(); button.focus(); });
  document.body.append(large);
  large.showModal();
});

// Chromium stops at what scrolls: a list of options, which closes as the keyboard leaves its field, and takes the focus along.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Tab") return;
  for (const list of document.querySelectorAll("[role=listbox]")) list.tabIndex = list.parentElement.tabIndex = -1;
}, true);
