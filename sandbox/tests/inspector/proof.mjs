// Proofs of possession (RFC 9449) by Node's own cryptography, and requests that carry them.

import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:https";

const base64url = (text) => Buffer.from(text).toString("base64url");

/** A client with a key of its own, that trusts the sandbox's certificate. */
export class ProofClient {
  constructor(variables) {
    this.variables = variables;
    this.ca = readFileSync(variables.TANGO_CA_FILE);
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.privateKey = privateKey;
    const { kty, crv, x, y } = publicKey.export({ format: "jwk" });
    this.jwk = { kty, crv, x, y };
  }

  /** A valid proof, except for the claims that are given. */
  proof(htm, htu, claims = {}) {
    const header = { typ: "dpop+jwt", alg: "ES256", jwk: this.jwk };
    const all = { jti: randomUUID(), htm, htu, iat: Math.floor(Date.now() / 1000), ...claims };
    const message = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(all))}`;
    const signature = sign("sha256", Buffer.from(message), { key: this.privateKey, dsaEncoding: "ieee-p1363" });
    return `${message}.${signature.toString("base64url")}`;
  }

  /** A token request with this proof. */
  requestToken(proof) {
    const value = (name) => this.variables[`TANGO_${name.toUpperCase()}`];
    const audience = "https://api.tangocard.com/";
    const form = new URLSearchParams({ grant_type: "password", scope: "raas.all", audience });
    for (const name of ["client_id", "client_secret", "username", "password"]) form.set(name, value(name));
    const headers = { DPoP: proof, "Content-Type": "application/x-www-form-urlencoded" };
    return this.send("POST", value("token_url"), headers, form.toString());
  }

  /** A call of the API with a bound token, and a proof with these claims. */
  call(url, token, claims = {}) {
    const ath = createHash("sha256").update(token).digest("base64url");
    const proof = this.proof("GET", url, { ath, ...claims });
    return this.send("GET", url, { DPoP: proof, Authorization: `DPoP ${token}` });
  }

  send(method, url, headers, body = "") {
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, headers, ca: this.ca, agent: false }, (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => {
          const { statusCode: status, headers } = response;
          resolve({ status, headers, body: Buffer.concat(chunks).toString() });
        });
        response.on("error", reject);
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }
}
