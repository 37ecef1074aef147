// Names for the widgets that Django's, unfold's and select2's scripts build without any.
"use strict";

function mend() {
  for (const widget of document.querySelectorAll(".select2-selection:not([aria-label])")) {
    const select = widget.closest(".select2-container").previousElementSibling;
    const label = select?.labels?.[0]?.textContent.trim();
    widget.setAttribute("aria-label", label || "Choose");
    widget.querySelector("[role=textbox]")?.setAttribute("aria-label", label || "Choose");
  }
  for (const icon of document.querySelectorAll(".help-tooltip[aria-label]:not([role])")) {
    icon.setAttribute("role", "img");
  }
  for (const header of document.querySelectorAll("#content thead th")) {
    if (!header.textContent.trim() && !header.querySelector("input")) {
      header.insertAdjacentHTML("beforeend", '<span class="staff-hidden">Actions</span>');
    }
  }
  const tables = document.querySelectorAll("#content [data-simplebar] .simplebar-content-wrapper");
  for (const [at, table] of tables.entries()) {
    table.setAttribute("aria-label", `Table ${at + 1}, scrollable`);
  }
}

document.addEventListener("DOMContentLoaded", () => {
  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  mend();
});
