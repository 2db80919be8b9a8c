// Explains a proof or a token that somebody pastes. The sandbox decodes and checks it, as it checks those of requests.

import { element } from "./elements.js";
import { accessToken, checkList, decodedProof, summary } from "./proof.js";
import { post } from "./server.js";

const field = (name) => document.getElementById(`explain-${name}`);
const region = document.getElementById("explanation");
const title = document.getElementById("explanation-title");
const details = document.getElementById("explanation-details");

export function setUpExplain() {
  field("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const [text, method, url, token] = ["text", "method", "url", "token"].map((name) => field(name).value);
    let explanation;
    try {
      explanation = await post("/explain", { text, method, url, token });
    } catch (error) {
      explanation = { kind: "neither", reason: error.message };
    }
    show(explanation);
  });
}

function show(explanation) {
  const { heading, content } = { proof, token, neither }[explanation.kind](explanation);
  title.textContent = heading;
  details.replaceChildren(...content);
  region.hidden = false;
  // A screen reader reads the heading, and the keyboard goes on from there.
  title.focus();
}

function proof({ server, proof: decoded, thumbprint, checks, server_seconds }) {
  const failed = checks.filter(({ result }) => result === "failed");
  const verdict = failed.length
    ? `The ${server === "API" ? "API" : "authorization server"} would refuse it: ${failed[0].reason}.`
    : "Nothing is wrong with it, as far as it could be checked.";
  return {
    heading: `Proof: ${summary(checks)}`,
    content: [
      element("p", { class: failed.length ? "callout" : "hint" }, verdict),
      checkList(checks),
      decodedProof(decoded, thumbprint, server_seconds),
    ],
  };
}

function token({ token: described }) {
  const words = "Only a token that this sandbox issued is valid here.";
  const hint = described.error && element("p", { class: "hint" }, words);
  return { heading: "Access token", content: [accessToken(described), hint].filter(Boolean) };
}

function neither({ reason }) {
  return { heading: "Neither a proof nor a token", content: [element("p", { class: "hint" }, reason)] };
}
