// Swagger UI makes a landmark of its operations only, and skips levels of headings. Screen readers
// get landmarks for all of the page, and headings in their order.
"use strict";

const page = document.getElementById("swagger-ui");
const REGIONS = { ".information-container": "About the API", ".scheme-container": "Authorization" };

function mend() {
  for (const [found, label] of Object.entries(REGIONS)) {
    const region = page.querySelector(found);
    region?.setAttribute("role", "region");
    region?.setAttribute("aria-label", label);
  }
  for (const heading of page.querySelectorAll("h3.opblock-tag, section.models h4")) {
    heading.setAttribute("aria-level", "2");
  }
}

new MutationObserver(mend).observe(page, { childList: true, subtree: true });
mend();
