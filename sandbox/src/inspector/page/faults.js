// Faults that stay on until they are switched off, and things that happen once.

import { element } from "./elements.js";
import { post } from "./server.js";

const RESPONSES = [
  ["none", "Responds as usual"],
  ["unavailable", "503, Retry-After: 1"],
  ["too-many-requests", "429, Retry-After: 1"],
  ["html-page", "200 with an HTML page"],
  ["truncate", "Closes within the body"],
  ["close", "Closes without a response"],
  ["hang", "Never responds"],
];

const controls = [...document.querySelectorAll("[data-switch]")];
const message = document.getElementById("faults-message");
const allOff = document.getElementById("faults-off");
const count = document.getElementById("faults-on");

const done = {
  "revoke-tokens": "Every token issued so far is revoked.",
  "rotate-nonces": "Every nonce sent so far is stale.",
  "clear-quota": "The quota is clear: a token is possible now.",
  reset: "Counters, requests, faults and quota are as at the start.",
};

export function setUpFaults(changeState) {
  for (const id of ["token_response", "api_response"]) {
    const options = RESPONSES.map(([value, label]) => element("option", { value }, label));
    document.getElementById(id).append(...options);
  }
  const send = async (path, body, words) => {
    try {
      changeState(await post(path, body));
      message.textContent = words;
    } catch (error) {
      message.textContent = error.message;
    }
  };
  for (const control of controls) {
    control.addEventListener("change", () => send("/switches", { [control.id]: value(control) }, sentence(control)));
  }
  allOff.addEventListener("click", () => {
    const off = controls.map((control) => [control.id, control.type === "checkbox" ? false : "none"]);
    send("/switches", Object.fromEntries(off), "All faults are off.");
    // The button is about to be disabled, which would lose the focus.
    document.getElementById("faults").focus();
  });
  for (const button of document.querySelectorAll("[data-action]")) {
    const { action } = button.dataset;
    button.addEventListener("click", () => send("/actions", { action }, done[action]));
  }
}

/** Sets the controls to the state of the server, which another page or a test may have changed. */
export function showFaults({ switches, hold }) {
  const values = { ...switches, hold };
  let on = 0;
  for (const control of controls) {
    const next = values[control.id];
    if (control.type === "checkbox") control.checked = next;
    else if (control.value !== next) control.value = next;
    on += next !== false && next !== "none";
  }
  allOff.disabled = on === 0;
  count.hidden = on === 0;
  count.textContent = `${on} on`;
}

function value(control) {
  return control.type === "checkbox" ? control.checked : control.value;
}

function sentence(control) {
  const label = control.labels[0].textContent.trim().replace(/\s+/g, " ");
  if (control.type === "checkbox") return `${label}: ${control.checked ? "on" : "off"}.`;
  return `${label}: ${control.selectedOptions[0].textContent}.`;
}
