/** The pages of the server that the extension opens in the browser. */

const PAGES = {
  account: "/accounts/",
  devices: "/accounts/devices/",
  keys: "/accounts/",
  plans: "/billing/",
  tokens: "/billing/",
} as const;

export type Page = keyof typeof PAGES;

export function pageUrl(baseUrl: string, page: Page): string {
  return `${baseUrl}${PAGES[page]}`;
}
