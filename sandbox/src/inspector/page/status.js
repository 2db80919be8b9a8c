// The quota, and the clocks and nonces of both servers. They go on between two reports of the sandbox.

import { difference, duration, element, facts, note, time } from "./elements.js";

const quotaText = document.getElementById("quota-text");
const quotaBar = document.getElementById("quota-bar");
const quotaCounts = document.getElementById("quota-counts");
const servers = document.getElementById("servers");

let state = null;
/** When the last report came, by a clock that nobody sets. */
let reportedAt = 0;

export function showState(next) {
  state = next;
  reportedAt = performance.now();
  servers.replaceChildren(...state.servers.map(serverCard));
  const { tokens_issued, quota_refusals, token_requests, api_requests } = state.statistics;
  quotaCounts.textContent = [
    `token requests ${token_requests}`,
    `issued ${tokens_issued}`,
    `refused for the quota ${quota_refusals}`,
    `API requests ${api_requests}`,
  ].join(" · ");
  tick();
}

setInterval(() => state && tick(), 1000);

function tick() {
  const passed = (performance.now() - reportedAt) / 1000;
  showQuota(passed);
  const clock = state.system_ms + passed * 1000 + state.clock_offset_seconds * 1000;
  for (const shown of servers.querySelectorAll("[data-clock]")) shown.textContent = time(clock);
  for (const shown of servers.querySelectorAll("[data-until]")) {
    shown.textContent = duration(shown.dataset.until - passed);
  }
}

function showQuota(passed) {
  const { window_seconds, last } = state.quota;
  const remaining = last ? Math.max(0, last.seconds_remaining - passed) : 0;
  const share = window_seconds && last ? 100 * (1 - remaining / window_seconds) : 100;
  quotaBar.hidden = window_seconds === 0;
  quotaBar.firstElementChild.style.width = `${share}%`;
  quotaBar.setAttribute("aria-valuenow", share.toFixed(0));
  quotaText.textContent = quotaSentence(window_seconds, last && last.seconds_since_issue + passed, remaining);
  quotaBar.setAttribute("aria-valuetext", quotaText.textContent);
}

function quotaSentence(window, sinceIssue, remaining) {
  if (window === 0) return "There is no limit.";
  if (remaining === 0) return `A token is possible now. One is allowed every ${duration(window)}.`;
  const [issued, next] = [-sinceIssue, remaining].map((seconds) => time(Date.now() + seconds * 1000));
  return `The last token was issued at ${issued}. The next is possible in ${duration(remaining)}, at ${next}.`;
}

function serverCard({ name, url, nonce, used_jtis }) {
  const offset = state.clock_offset_seconds;
  return element(
    "div",
    { class: "card" },
    element("h3", {}, name),
    facts([
      ["URL", url],
      ["clock", [element("span", { "data-clock": true }), offset !== 0 && note(difference(offset, "the system’s"))]],
      ["proofs", note(state.dpop)],
      ["nonce", nonceValue(nonce)],
      ["used jti", [String(used_jtis), note("in the last 2 minutes")]],
    ]),
  );
}

function nonceValue(nonce) {
  if (!nonce) return note("not required");
  if (nonce.kind === "single-use") return [String(nonce.unused), note("unused, each for one proof")];
  const until = element("span", { "data-until": nonce.changes_in_seconds });
  return [nonce.current, element("span", { class: "note" }, " changes in ", until)];
}
