/** The pages of the server that the extension opens in the browser. */

const PAGES = {
  account: "/portal/",
  keys: "/portal/keys/new/",
  plans: "/portal/plan/",
  tokens: "/portal/tokens/",
} as const;

export type Page = keyof typeof PAGES;

export function pageUrl(baseUrl: string, page: Page): string {
  return `${baseUrl}${PAGES[page]}`;
}
