// Swagger UI makes a landmark of its operations only, and skips levels of headings. Screen readers
// get landmarks for all of the page, headings in their order, and a name for the list of servers.
"use strict";

const page = document.getElementById("swagger-ui");
const REGIONS = { ".information-container": "About the API", ".scheme-container": "Authorization" };

function mend() {
  for (const [found, label] of Object.entries(REGIONS)) {
    const region = page.querySelector(found);
    region?.setAttribute("role", "region");
    region?.setAttribute("aria-label", label);
  }
  page.querySelector("#servers")?.setAttribute("aria-label", "Server");
  for (const heading of page.querySelectorAll("h3.opblock-tag, section.models h4")) {
    heading.setAttribute("aria-level", "2");
  }
}

new MutationObserver(mend).observe(page, { childList: true, subtree: true });
mend();
