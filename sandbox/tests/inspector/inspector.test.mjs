// Uses the inspector as a person does, in headless Chromium. scripts/test-inspector.sh runs it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";

import { axeViolations, checks, lowContrasts, openPage, startBrowser } from "./page.mjs";
import { ProofClient } from "./proof.mjs";
import { startSandbox } from "./sandbox.mjs";

const MAX_SCREENSHOT_BYTES = 150_000;

let browser, sandbox, client, page, errors;

before(async () => {
  [browser, sandbox] = await Promise.all([startBrowser(), startSandbox("--dpop-nonce", "required")]);
  ({ page, errors } = await openPage(browser, sandbox.inspector));
  client = new ProofClient(sandbox.variables);
});

after(async () => {
  await browser?.close();
  await sandbox?.stop();
});

beforeEach(async () => {
  await page.getByRole("button", { name: "Reset everything" }).click();
  await page.getByText("None yet.").waitFor();
});

/** A bound token, by the usual challenge and a second request. */
async function bindToken() {
  const challenge = await client.requestToken(client.proof("POST", sandbox.tokenUrl));
  const proof = client.proof("POST", sandbox.tokenUrl, { nonce: challenge.headers["dpop-nonce"] });
  const response = await client.requestToken(proof);
  assert.equal(response.status, 200, response.body);
  return { token: JSON.parse(response.body).access_token, proof };
}

/** An API call with a current nonce. */
async function callApi(token, claims = {}) {
  const challenge = await client.call(sandbox.accountsUrl, token);
  return client.call(sandbox.accountsUrl, token, { nonce: challenge.headers["dpop-nonce"], ...claims });
}

const list = () => page.locator("#list li");
const details = () => page.locator("#request");

/** Waits until the page shows this many requests and their responses: after that it does not move under a click. */
async function settled(count) {
  await list().nth(count - 1).waitFor();
  await page.waitForFunction(() => !document.querySelector("#list .waiting"));
}

/** Moves the focus with the tab key until it is on this element, as somebody without a mouse does. */
async function tabTo(selector, key = "Tab") {
  for (let presses = 0; presses < 200; presses++) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
    await page.keyboard.press(key);
  }
  assert.fail(`the tab key does not reach ${selector}`);
}

test("requests of a program that uses the library appear, with every check green and no secret", async () => {
  const status = await sandbox.run(process.env.DPOP_CLIENT, sandbox.accountsUrl);
  assert.equal(status, 0);
  await details().getByText("200 OK").waitFor();
  await page.locator("#request-title", { hasText: "GET /raas/v2/accounts" }).waitFor();
  const call = await checks(page);
  assert.deepEqual(new Set(Object.values(call)), new Set(["passed"]), JSON.stringify(call));
  assert.equal(Object.keys(call).length, 16);

  await list().filter({ hasText: "/oauth/token" }).filter({ hasText: "200" }).getByRole("button").click();
  await page.locator("#request-title", { hasText: "POST /oauth/token" }).waitFor();
  const tokenRequest = await checks(page);
  assert.deepEqual([tokenRequest.ath, tokenRequest.binding], ["skipped", "skipped"]);
  assert.ok(!Object.values(tokenRequest).includes("failed"));
  const form = await details().locator("[data-part=form]").innerText();
  assert.match(form, /grant_type\s+password$/);
  assert.match(form, /client_secret\s+the right value/);

  for (const summary of await details().locator("summary").all()) await summary.click();
  const shown = (await page.content()) + (await firstEvent());
  const sent = await sandbox.requests();
  const headers = (name) => sent.map((request) => request.headers[name]).filter(Boolean);
  const secrets = [
    sandbox.variables.TANGO_CLIENT_SECRET,
    sandbox.variables.TANGO_PASSWORD,
    ...headers("authorization").map((value) => value.split(" ")[1]),
    ...headers("authorization").map((value) => value.split(".")[2]),
    ...headers("dpop").map((proof) => proof.split(".")[2]),
  ];
  assert.ok(secrets.length >= 7, "the client sent a token and proofs");
  for (const secret of secrets) assert.ok(!shown.includes(secret), `${secret} is shown`);
});

/** The first event of the stream, which has everything that a page gets. */
async function firstEvent() {
  const response = await fetch(new URL("/events", sandbox.inspector));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n\n")) text += (await reader.read()).value;
  await reader.cancel();
  assert.match(text, /^event: opened\n/);
  return text;
}

test("a wrong htu is red at its check and nowhere else", async () => {
  const { token } = await bindToken();
  const response = await callApi(token, { htu: sandbox.tokenUrl });
  assert.equal(response.status, 401);
  await details().getByText("Refused: htu is not the URI of the request.").waitFor();
  const { htu, ...others } = await checks(page);
  assert.equal(htu, "failed");
  assert.deepEqual(new Set(Object.values(others)), new Set(["passed"]));
  const link = details().locator("[data-check=htu] a");
  assert.equal(await link.getAttribute("href"), "https://www.rfc-editor.org/rfc/rfc9449#section-4.3");
  assert.equal(await link.innerText(), "RFC 9449 § 4.3, item 9");
});

test("a challenge is told from a refusal", async () => {
  await client.requestToken(client.proof("POST", sandbox.tokenUrl));
  await details().getByText("A challenge: a nonce is required.").waitFor();
  assert.equal((await checks(page)).nonce, "failed");
  assert.equal(await page.locator("#list .mark.challenge").count(), 2);
});

test("a fault is switched on and off by keyboard, and changes the next response", async () => {
  const { token } = await bindToken();
  await page.evaluate(() => document.activeElement.blur());
  await tabTo("#api_response");
  await page.keyboard.press("5"); // 503, chosen by its first character
  await page.getByText("API: 503, Retry-After: 1.").waitFor();
  await page.getByRole("link", { name: "Faults 1 on" }).waitFor();
  const refused = await client.call(sandbox.accountsUrl, token);
  assert.deepEqual([refused.status, refused.headers["retry-after"]], [503, "1"]);
  await details().getByText("The response was scripted").waitFor();

  await tabTo("#slow");
  await page.keyboard.press("Space");
  await page.getByText("Delay responses by 2 s: on.").waitFor();
  await page.getByRole("link", { name: "Faults 2 on" }).waitFor();

  await tabTo("#faults-off", "Shift+Tab");
  await page.keyboard.press("Enter");
  await page.getByText("All faults are off.").waitFor();
  assert.ok(await page.locator("#faults-on").isHidden());
  assert.equal((await callApi(token)).status, 200);
});

test("a connection that was closed without a response is a failure", async () => {
  await page.getByLabel("API", { exact: true }).selectOption("Closes without a response");
  await page.getByRole("link", { name: "Faults 1 on" }).waitFor();
  await assert.rejects(client.send("GET", sandbox.accountsUrl, {}));
  await details().getByText("The connection was closed without a response, by a fault that is on").waitFor();
  assert.equal(await list().locator(".mark.failed").filter({ hasText: "no response" }).count(), 1);
});

test("a held request is shown as waiting until it is released", async () => {
  await page.getByRole("switch", { name: "Hold every response" }).check();
  const held = client.requestToken(client.proof("POST", sandbox.tokenUrl));
  await list().getByText("waiting").waitFor();
  await page.getByRole("switch", { name: "Hold every response" }).uncheck();
  assert.equal((await held).status, 400);
  await list().getByText("400").waitFor();
});

test("a server's clock that is wrong turns iat red", async () => {
  await page.getByLabel("Server’s clock").selectOption("ahead");
  await page.getByText(/5\smin ahead of the system’s/).first().waitFor();
  await client.requestToken(client.proof("POST", sandbox.tokenUrl));
  await details().getByText("iat is more than 60 s behind the server's clock.").first().waitFor();
  assert.equal((await checks(page)).iat, "failed");
});

test("the quota is shown with the next time, and can be cleared", async () => {
  const quota = page.locator("#quota-text");
  await quota.getByText("A token is possible now.").waitFor();
  await bindToken();
  await page.getByText(/The next is possible in (20\sh|19\sh\s59\smin)/).waitFor();
  await page.getByRole("button", { name: "Clear the quota" }).click();
  await quota.getByText("A token is possible now.").waitFor();
  await bindToken();
});

test("a pasted proof is explained without being used, and so is a token", async () => {
  const { token } = await bindToken();
  const { headers } = await client.call(sandbox.accountsUrl, token);
  const ath = createHash("sha256").update(token).digest("base64url");
  const claims = { ath, nonce: headers["dpop-nonce"], iat: Math.floor(Date.now() / 1000) };
  const proof = client.proof("GET", sandbox.accountsUrl, claims);
  await settled(3);

  await page.getByText("The request that it belongs to").click();
  await page.getByLabel("Proof or token", { exact: true }).fill(`DPoP: ${proof}`);
  await page.getByLabel("Method").fill("GET");
  await page.getByLabel("URL", { exact: true }).fill(sandbox.accountsUrl);
  await page.getByLabel("Access token").fill(token);
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByText("Nothing is wrong with it").waitFor();
  assert.deepEqual(new Set(Object.values(await checks(page, "#explanation"))), new Set(["passed"]));
  const used = await client.send("GET", sandbox.accountsUrl, { DPoP: proof, Authorization: `DPoP ${token}` });
  assert.equal(used.status, 200, "to explain a proof does not use it up");
  await settled(4);

  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByText("The API would refuse it: jti was used before.").waitFor();

  await page.getByLabel("Proof or token", { exact: true }).fill(token);
  await page.getByRole("button", { name: "Explain" }).click();
  await page.locator("#explanation", { hasText: "✓ valid" }).waitFor();
  await page.getByLabel("Proof or token", { exact: true }).fill("<script>alert(1)</script>");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByText("Neither a proof nor a token").waitFor();
});

test("the list is read with the arrow keys, and what is read stays when requests come", async () => {
  await bindToken();
  await list().nth(1).waitFor();
  await page.evaluate(() => document.activeElement.blur());
  await tabTo("#list button");
  await page.keyboard.press("End");
  await details().getByText("A challenge").waitFor();
  assert.ok(!(await page.getByRole("switch", { name: "Follow the newest" }).isChecked()));
  await client.send("GET", sandbox.accountsUrl, {});
  await list().nth(2).waitFor();
  assert.equal(await page.locator("#request-title").innerText(), "POST /oauth/token");
  await page.keyboard.press("Home");
  assert.equal(await page.locator("#request-title").innerText(), "GET /raas/v2/accounts");
  assert.equal(await page.locator("#list [tabindex='0']").count(), 1);
});

test("many requests make one announcement", async () => {
  await page.evaluate(() => {
    globalThis.announcements = [];
    const announcer = document.getElementById("announcer");
    new MutationObserver(() => announcements.push(announcer.textContent)).observe(announcer, { childList: true });
  });
  await Promise.all(Array.from({ length: 20 }, () => client.send("GET", sandbox.accountsUrl, {})));
  await page.waitForFunction(() => announcements.length > 0);
  const announcements = await page.evaluate(() => globalThis.announcements);
  assert.equal(announcements.length, 1, announcements.join("\n"));
  assert.match(announcements[0], /^20 requests, the last GET \/raas\/v2\/accounts: 401, an access token is required$/);
});

test("the page says that the sandbox ended, keeps what it shows, and connects to the next one", async () => {
  const first = await startSandbox();
  const { page: open } = await openPage(browser, first.inspector);
  await new ProofClient(first.variables).send("GET", first.accountsUrl, {});
  await open.locator("#list li").waitFor();
  await first.stop();
  await open.getByText("Connection lost. Trying again.").waitFor();
  assert.equal(await open.locator("#list li").count(), 1);

  const next = await startSandbox("--inspector-port", new URL(first.inspector).port);
  await open.locator("#connection[data-state=live]").waitFor();
  await open.getByText("None yet.").waitFor();
  await open.getByRole("button", { name: "Revoke all tokens" }).click();
  await open.getByText("The sandbox was started again: load this page again.").waitFor();
  await open.context().close();
  await next.stop();
});

test("a page that connects again keeps the request that somebody reads", async () => {
  await bindToken();
  await settled(2);
  await list().last().getByRole("button").click();
  // What the sandbox sends to a page that connects again.
  const [, data] = (await firstEvent()).match(/^data: (.*)$/m);
  await page.evaluate((data) => globalThis.stream.dispatchEvent(new MessageEvent("opened", { data })), data);
  await client.send("GET", sandbox.accountsUrl, {});
  await settled(3);
  await details().getByText("A challenge").waitFor();
  assert.equal(await page.locator("#list [aria-current]").count(), 1);
});

/** What a reader sees: every kind of result. */
async function fillPage() {
  const { token, proof } = await bindToken();
  await callApi(token);
  await settled(4);
  await page.getByLabel("Proof or token", { exact: true }).fill(proof);
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByText("would refuse it").waitFor();
  await callApi(token, { htu: sandbox.tokenUrl });
  await page.getByRole("switch", { name: "Follow the newest" }).check();
  await details().getByText("Refused: htu").waitFor();
  await page.getByLabel("Server’s clock").selectOption("ahead");
  await page.getByText(/5\smin ahead of the system’s/).first().waitFor();
}

test("the page is accessible in both schemes and on a phone", async () => {
  await fillPage();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    assert.deepEqual(await axeViolations(page), [], colorScheme);
    const { measured, low } = await lowContrasts(page);
    assert.ok(measured > 150, `${measured} elements were measured`);
    assert.deepEqual(low, [], colorScheme);
  }
  const moving = await page.evaluate(() => {
    const moves = (element, part) => parseFloat(getComputedStyle(element, part).transitionDuration) > 0;
    return [...document.querySelectorAll("*")].filter((all) => moves(all, null) || moves(all, "::after")).length;
  });
  assert.equal(moving, 0, "nothing moves for somebody who does not want it");
  for (const width of [360, 768, 1024]) {
    await page.setViewportSize({ width, height: 740 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} px at a width of ${width} px`);
  }
  await page.setViewportSize({ width: 360, height: 740 });
  assert.deepEqual(await axeViolations(page), [], "on a phone");
  await page.setViewportSize({ width: 1280, height: 900 });
});

test("screenshots are small", async () => {
  await fillPage();
  await page.getByLabel("Server’s clock").selectOption("none");
  await page.evaluate(() => (document.activeElement.blur(), scrollTo(0, 0)));
  for (const [name, colorScheme, width, height] of [
    ["light", "light", 1280, 1140],
    ["dark", "dark", 1280, 1140],
    ["phone", "light", 360, 780],
  ]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height });
    if (name === "phone") await page.locator("#request").evaluate((section) => section.scrollIntoView());
    const path = join(process.env.SCREENSHOTS, `inspector-${name}.png`);
    await page.screenshot({ path, animations: "disabled" });
    execFileSync("pngquant", ["--force", "--ext", ".png", "--strip", path]);
    assert.ok(statSync(path).size < MAX_SCREENSHOT_BYTES, `${path} has ${statSync(path).size} bytes`);
  }
});

test("no error and no violation of the policy happened", () => {
  const expected = (text) => text.includes("/events"); // a stream that a test or its end cut off
  assert.deepEqual(errors.filter((text) => !expected(text)), []);
});
