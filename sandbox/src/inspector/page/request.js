// One request in full.

import { element, facts, note, time } from "./elements.js";
import { accessToken, checkList, decodedProof, isChallenge, summary } from "./proof.js";

const title = document.getElementById("request-title");
const details = document.getElementById("request-details");
const emptyTitle = title.textContent;
const emptyDetails = [...details.children];

/** Whether somebody opened the headers, so that they are open for the next request too. */
const opened = new Set();

const notes = {
  ignored: "The server ignores proofs (--dpop off). Its checks would have had these results.",
  "not reached": "The server responded before it came to the proof. Its checks would have had these results.",
};

export function showNoDetails() {
  title.textContent = emptyTitle;
  details.replaceChildren(...emptyDetails);
}

export function showDetails(request) {
  const { response, proof, token } = request;
  title.textContent = `${request.method} ${request.path}`;
  details.replaceChildren(
    facts(overview(request), { "data-part": "overview" }),
    outcome(request),
    ...(proof ? proofParts(proof, request.server_seconds) : [withoutProof(request)]),
    ...part("Access token", token && accessToken(token)),
    ...part("Form", request.form && form(request.form)),
    ...part("Token in the response", response?.issued && accessToken(response.issued)),
    headers("Headers of the request", request.headers),
    response?.headers ? headers("Headers of the response", response.headers) : "",
  );
}

function part(heading, content) {
  return content ? [element("h3", {}, heading), content] : [];
}

function overview({ arrived_ms, server, has_query, response }) {
  const delay = response?.milliseconds && note(`response after ${response.milliseconds.toFixed(1)} ms`);
  const status = response?.status && `${response.status} ${response.phrase ?? ""}`;
  return [
    ["response", status || (response ? "none" : "not yet")],
    ["arrived", [time(arrived_ms), delay]],
    ["server", element("span", { class: "note" }, server ?? "neither: there is no such path")],
    has_query && ["query", note("not shown")],
  ];
}

function outcome({ response, proof, server }) {
  const callout = (kind, words) => element("p", { class: `callout ${kind}` }, words);
  const reason = response?.reason;
  if (reason === "scripted") {
    const what = response.interruption ? `${response.interruption}, ` : "The response was scripted, ";
    return callout("remark", `${what}by a fault that is on or by a test.`);
  }
  if (response?.interruption) return callout("", `${response.interruption}.`);
  if (isChallenge(proof)) {
    const section = server === "API" ? "9" : "8";
    return callout("remark", `A challenge: ${reason}. The client is expected to make the request again, with a new ` +
      `proof that has the nonce of this response (RFC 9449 § ${section}).`);
  }
  return reason ? callout("", `Refused: ${reason}.`) : "";
}

function proofParts({ decoded, thumbprint, checks, note: remark }, serverSeconds) {
  return [
    element("h3", {}, `Proof: ${summary(checks)}`),
    remark ? element("p", { class: "callout remark" }, notes[remark]) : "",
    checkList(checks),
    decoded ? decodedProof(decoded, thumbprint, serverSeconds) : "",
  ];
}

function withoutProof({ response, server }) {
  if (!response || !server) return "";
  return element("p", { class: "hint" }, "The request has no proof (no DPoP header).");
}

function form(parameters) {
  return facts(parameters.map(nameAndValue), { class: "facts form", "data-part": "form" });
}

function nameAndValue({ name, value, hidden }) {
  return [name, hidden ? element("span", { class: "note hidden-value" }, hidden) : value];
}

function headers(heading, list) {
  return element(
    "details",
    {
      open: opened.has(heading),
      ontoggle: (event) => (event.target.open ? opened.add(heading) : opened.delete(heading)),
    },
    element("summary", {}, `${heading} (${list.length})`),
    facts(list.map(nameAndValue)),
  );
}
