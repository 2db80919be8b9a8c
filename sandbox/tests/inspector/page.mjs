// The inspector in headless Chromium, and what the tests read from it.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Chromium of the system. As root it runs without a sandbox of its own, which root cannot have. */
export function startBrowser() {
  const root = process.getuid?.() === 0;
  return chromium.launch({ executablePath: process.env.CHROMIUM, args: root ? ["--no-sandbox"] : [] });
}

/** Opens the page, and keeps every error and every violation of its policy. */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const errors = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("requestfailed", (request) => errors.push(`failed: ${request.url()}`));
  page.on("request", (request) => request.url().startsWith(url) || errors.push(`another server: ${request.url()}`));
  await page.addInitScript(() => {
    globalThis.EventSource = class extends EventSource {
      constructor(address) {
        super(address);
        globalThis.stream = this;
      }
    };
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`));
  });
  await page.goto(url);
  await page.locator("#connection[data-state=live]").waitFor();
  return { page, errors };
}

/** The results of the checks that the page shows within `scope`, by their names. */
export async function checks(page, scope = "#request") {
  const items = page.locator(`${scope} .checks li`);
  const pairs = await items.evaluateAll((all) => all.map((item) => [item.dataset.check, item.className]));
  return Object.fromEntries(pairs);
}

/** What axe finds, as one line for each element. It is evaluated by the debugger, which the page's policy permits. */
export async function axeViolations(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

/** Every visible text whose contrast with its ground is below 4.5:1, by the computed styles (WCAG 2.2, 1.4.3). */
export function lowContrasts(page) {
  return page.evaluate(() => {
    const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
    const linear = (channel) => (channel <= 10.31475 ? channel / 3294.6 : ((channel / 255 + 0.055) / 1.055) ** 2.4);
    const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const ground = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = channels(getComputedStyle(at).backgroundColor);
        if (colour[3] !== 0) return colour;
      }
      throw new Error("the page has no background");
    };
    const hasText = (element) =>
      [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const isField = (element) => element.matches("input:not([type=checkbox]), select, textarea");
    const written = [...document.querySelectorAll("body *")].filter(
      (element) => element.checkVisibility() && (hasText(element) || isField(element)),
    );
    const low = written.map((element) => {
      const [one, other] = [channels(getComputedStyle(element).color), ground(element)].map(luminance);
      const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      return ratio < 4.5 ? `${ratio.toFixed(2)}: ${element.outerHTML.slice(0, 100)}` : null;
    });
    return { measured: written.length, low: low.filter(Boolean) };
  });
}
