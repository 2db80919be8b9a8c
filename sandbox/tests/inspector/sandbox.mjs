// A sandbox with its inspector, which ends with the test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Starts the sandbox that TANGO_SANDBOX names. */
export async function startSandbox(...options) {
  const always = ["--inspector", "--format", "json", "--until-stdin-closes", "--log-file", "/dev/null"];
  const child = spawn(process.env.TANGO_SANDBOX, [...always, ...options], { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = await once(createInterface(child.stdout), "line");
  return new Sandbox(child, JSON.parse(line));
}

class Sandbox {
  constructor(child, variables) {
    this.child = child;
    this.variables = variables;
    this.inspector = variables.TANGO_INSPECTOR_URL;
    this.tokenUrl = variables.TANGO_TOKEN_URL;
    this.accountsUrl = `${variables.TANGO_API_URL}/accounts`;
  }

  /** The requests byte for byte, with their secrets. */
  async requests() {
    return (await fetch(`${this.variables.TANGO_SANDBOX_CONTROL_URL}/requests`)).json();
  }

  /** Runs a program with the variables of this sandbox, and returns its exit status. */
  async run(program, ...programArguments) {
    const client = spawn(program, programArguments, {
      env: { ...process.env, ...this.variables },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const [status] = await once(client, "exit");
    return status;
  }

  async stop() {
    this.child.stdin.end();
    if (this.child.exitCode === null) await once(this.child, "exit");
  }
}
