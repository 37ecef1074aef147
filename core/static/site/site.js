// What pages can do with JavaScript. All of it is optional: every page works without.

document.documentElement.classList.remove("no-script");

// The browser's time zone, for visitors whose account names none.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes("timezone=")) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `timezone=${encodeURIComponent(zone)}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

// The menu of the documentation scrolls by itself, so that the current page is in sight.
const current = document.querySelector(".docs-menu [aria-current=page]");
const menu = current?.closest(".docs-menu");
if (menu && menu.scrollHeight > menu.clientHeight) {
  menu.scrollTop += current.getBoundingClientRect().top - menu.getBoundingClientRect().top - menu.clientHeight / 2;
}

// <button data-copy="id of the element whose text is copied" data-copied="Copied">
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
  const label = button.querySelector("span") ?? button;
  const before = label.textContent;
  label.textContent = button.dataset.copied;
  setTimeout(() => { label.textContent = before; }, 2000);
});

// <form data-autosubmit>: a filter applies when it is changed.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-autosubmit]");
  if (form && event.target.matches("select, input[type=checkbox]")) form.requestSubmit();
});

// A passkey that was not used, such as when the visitor has closed the browser's question.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  for (const message of document.querySelectorAll("[data-passkey-error]")) message.hidden = false;
});
