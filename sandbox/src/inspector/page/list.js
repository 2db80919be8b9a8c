// The list of requests, newest first, and which of them is chosen.

import { element, time } from "./elements.js";
import { showDetails, showNoDetails } from "./request.js";
import { isChallenge, summary } from "./proof.js";

const MAX_REQUESTS = 200;
/** Between two announcements to a screen reader, however many requests come. */
const ANNOUNCEMENT_INTERVAL_MS = 4000;
/** From the end of the focus to a change of what had it. */
const AFTER_FOCUS_MS = 300;

const list = document.getElementById("list");
const hints = { none: document.getElementById("no-requests"), keys: document.getElementById("list-help") };
const follow = document.getElementById("follow");
const details = document.getElementById("request");
const announcer = document.getElementById("announcer");

/** Number to `{ request, item }`, in order of arrival. */
const shown = new Map();
/** Numbers of requests that changed since the page was last drawn. */
const changed = new Set();
const unannounced = new Map();
let announcement = null;
let chosen = null;

export function setUpList() {
  list.addEventListener("keydown", moveByKey);
  follow.addEventListener("change", () => follow.checked && chooseNewest());
  // Not at once: the page must not move under a click that takes the focus away.
  details.addEventListener("focusout", () => setTimeout(() => isRead() || updateDetails(), AFTER_FOCUS_MS));
}

/** Adds a request, or the newer version of one. */
export function showRequest(request, { announce = true } = {}) {
  const known = shown.get(request.number);
  shown.set(request.number, { request, item: known?.item ?? null });
  dropOldest();
  if (announce && request.response) queueAnnouncement(request);
  if (changed.size === 0) requestAnimationFrame(draw);
  changed.add(request.number);
}

/** Shows what the sandbox has, after the page connected. A request that was chosen stays so if it is there. */
export function replaceRequests(requests) {
  const kept = follow.checked ? null : shown.get(chosen)?.request;
  clearRequests();
  for (const request of requests) showRequest(request, { announce: false });
  // Another sandbox counts from the beginning: the same number may be another request.
  if (kept && shown.get(kept.number)?.request.arrived_ms === kept.arrived_ms) {
    follow.checked = false;
    chosen = kept.number;
  }
}

function dropOldest() {
  if (shown.size <= MAX_REQUESTS) return;
  const [number, { item }] = shown.entries().next().value;
  item?.remove();
  shown.delete(number);
}

export function clearRequests() {
  shown.clear();
  changed.clear();
  list.replaceChildren();
  unannounced.clear();
  clearTimeout(announcement);
  chosen = null;
  follow.checked = true;
  showHints();
  showNoDetails();
}

/** A thousand requests in a second are drawn at once. */
function draw() {
  for (const number of changed) {
    const entry = shown.get(number);
    if (!entry) continue;
    const item = row(entry.request);
    const hadFocus = entry.item?.contains(document.activeElement);
    if (entry.item) entry.item.replaceWith(item);
    else list.prepend(item);
    entry.item = item;
    if (hadFocus) button(number).focus();
  }
  showHints();
  if (isRead()) markChosen();
  else updateDetails();
  changed.clear();
}

/** Whether the focus is within the details: somebody reads them, and they must not change. */
function isRead() {
  return details.contains(document.activeElement);
}

function updateDetails() {
  if (follow.checked) chooseNewest();
  else if (shown.has(chosen)) choose(chosen);
  else markChosen();
}

function showHints() {
  list.hidden = hints.keys.hidden = shown.size === 0;
  hints.none.hidden = shown.size > 0;
}

function row(request) {
  const { mark, word } = verdict(request);
  const second = [time(request.arrived_ms), explanation(request)].filter(Boolean).join(" · ");
  return element(
    "li",
    {},
    element(
      "button",
      { type: "button", tabindex: "-1", "data-number": request.number, onclick: () => chooseByHand(request.number) },
      element("span", { class: `mark ${word}`, "aria-hidden": "true" }, mark),
      element("span", {}, request.method),
      element("span", {}, request.path),
      element("span", { class: `mark ${word}` }, statusWord(request)),
      element("span", { class: "second" }, second),
    ),
  );
}

function verdict({ response, proof }) {
  if (!response) return { mark: "…", word: "waiting" };
  if (isChallenge(proof)) return { mark: "↻", word: "challenge" };
  return response.status && response.status < 400 ? { mark: "✓", word: "passed" } : { mark: "✗", word: "failed" };
}

function statusWord({ response }) {
  if (!response) return "waiting";
  return response.status ? String(response.status) : "no response";
}

function explanation({ response, proof }) {
  return response?.reason || response?.interruption || (proof && summary(proof.checks)) || "";
}

function button(number) {
  return list.querySelector(`[data-number="${number}"]`);
}

function newest() {
  return [...shown.keys()].pop();
}

function chooseNewest() {
  if (shown.size > 0) choose(newest());
}

function chooseByHand(number) {
  follow.checked = false;
  choose(number);
}

function choose(number) {
  chosen = number;
  markChosen();
  showDetails(shown.get(number).request);
}

/** One button of the list is in the order of the tab key; the arrow keys reach the others. */
function markChosen() {
  for (const old of list.querySelectorAll("[aria-current], [tabindex='0']")) {
    old.removeAttribute("aria-current");
    old.tabIndex = -1;
  }
  button(chosen)?.setAttribute("aria-current", "true");
  const inOrder = button(chosen) ?? list.querySelector("button");
  if (inOrder) inOrder.tabIndex = 0;
}

function moveByKey(event) {
  const numbers = [...shown.keys()].reverse();
  const at = numbers.indexOf(Number(event.target.dataset.number));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: numbers.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const number = numbers[Math.min(Math.max(to, 0), numbers.length - 1)];
  chooseByHand(number);
  button(number).focus();
}

/** Announces the last of several requests, and how many there were. */
function queueAnnouncement(request) {
  if (unannounced.size === 0) announcement = setTimeout(announce, ANNOUNCEMENT_INTERVAL_MS);
  unannounced.set(request.number, request);
}

function announce() {
  const requests = [...unannounced.values()];
  unannounced.clear();
  const last = requests[requests.length - 1];
  const text = [`${last.method} ${last.path}: ${statusWord(last)}`, explanation(last)].filter(Boolean).join(", ");
  announcer.textContent = requests.length === 1 ? text : `${requests.length} requests, the last ${text}`;
}
