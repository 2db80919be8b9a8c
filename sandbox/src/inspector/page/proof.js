// A proof, its checks, and an access token, as both the requests and the explanations show them.

import { difference, element, facts, note, time } from "./elements.js";

const marks = { passed: "✓ passed", failed: "✗ failed", skipped: "– skipped" };

/** How many checks passed, failed and were not made. */
export function summary(checks) {
  const count = (result) => checks.filter((check) => check.result === result).length;
  const parts = [`${count("passed")} checks passed`];
  if (count("failed")) parts.push(`${count("failed")} failed: ${failedNames(checks)}`);
  return parts.join(", ");
}

function failedNames(checks) {
  return checks.filter(({ result }) => result === "failed").map(({ name }) => name).join(", ");
}

/** Whether the server asked for a nonce, which is how a client learns the first one, and nothing else is wrong. */
export function isChallenge(proof) {
  return Boolean(proof) && !proof.note && failedNames(proof.checks) === "nonce";
}

/** The list of checks. */
export function checkList(checks) {
  return element("ol", { class: "checks" }, checks.map(checkItem));
}

function checkItem({ name, requirement, rfc, section, item, result, reason }) {
  const place = `§ ${section}${item ? `, item ${item}` : ""}`;
  const address = `https://www.rfc-editor.org/rfc/rfc${rfc}#section-${section}`;
  return element(
    "li",
    { class: result, "data-check": name },
    element("span", { class: "mark" }, marks[result]),
    element("code", {}, name),
    element("span", { class: "what" }, requirement, reason && element("span", { class: "reason" }, sentence(reason))),
    element("a", { class: "source", href: address, rel: "noreferrer" },
      element("span", { class: rfc === 9449 ? "usual" : "" }, `RFC ${rfc} `), place),
  );
}

function sentence(reason) {
  return `${reason}.`;
}

/** Header and claims. `serverSeconds` is the server's clock when the proof came. */
export function decodedProof({ header, claims }, thumbprint, serverSeconds) {
  return element(
    "div",
    { class: "pair" },
    element("div", {}, element("h3", {}, "Header of the proof"), facts([
      ...rows(header),
      thumbprint && ["thumbprint", thumbprint],
    ])),
    element("div", {}, element("h3", {}, "Claims of the proof"), facts(rows(claims).map(([name, value]) => [
      name,
      name === "iat" && Number.isInteger(claims.iat) ? [value, note(issuedAt(claims.iat, serverSeconds))] : value,
    ]))),
  );
}

function issuedAt(iat, serverSeconds) {
  return `${time(iat * 1000)}, ${difference(iat - serverSeconds, "the server’s clock")}`;
}

/** Names and values, those of an object within it too, such as cnf.jkt. */
function rows(object, prefix = "") {
  return Object.entries(object).flatMap(([name, value]) => {
    if (value && typeof value === "object" && !Array.isArray(value)) return rows(value, `${prefix}${name}.`);
    return [[prefix + name, typeof value === "string" ? value : JSON.stringify(value)]];
  });
}

/** An access token, and whether the API accepts it. */
export function accessToken({ scheme, shortened, characters, hash, claims, jkt, error }) {
  const dates = ["iat", "exp", "nbf"];
  const state = error ? { result: "failed", words: `✗ ${error}` } : { result: "passed", words: "✓ valid" };
  return facts([
    scheme && ["scheme", scheme],
    ["token", [shortened, note(`${characters} characters`)]],
    ["SHA-256", [`${hash}…`, note("as ath in its proofs")]],
    ["state", element("span", { class: `note mark ${state.result}` }, state.words)],
    !error && ["bound to", jkt ?? note("no key: a bearer token")],
    ...rows(claims ?? {}).map(([name, value]) => [
      name,
      dates.includes(name) && Number.isInteger(claims[name]) ? [value, note(time(claims[name] * 1000))] : value,
    ]),
  ]);
}
