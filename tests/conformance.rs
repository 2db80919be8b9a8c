//! One set of cases, tests/conformance/cases.json, in every language. See tests/conformance/README.md.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Map, Value, json};
use support::programs::{Program, Under};
use support::sandbox::Sandbox;
use support::{installed_prefix, root, scratch, succeed};

/// A runner at work.
struct Runner {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Runner {
    fn start(mut command: Command, environment: Option<&Map<String, Value>>) -> Self {
        for (name, value) in environment.into_iter().flatten() {
            command.env(name, value.as_str().unwrap());
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (process.stdin.take(), BufReader::new(process.stdout.take().unwrap()));
        Self { process, input, output }
    }

    fn call(&mut self, line: &str) -> Value {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").and_then(|()| input.flush()).unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn end(mut self) {
        drop(self.input.take());
        let status = self.process.wait().unwrap();
        assert!(status.success(), "the runner ended with {status}");
    }
}

/// What a case expects: the value itself, an object of which each named field is as expected, or one of
/// `{"contains": "a part"}` and `{"between": [1, 2]}`.
fn is_as_expected(seen: &Value, expected: &Value) -> bool {
    let Value::Object(expected) = expected else { return seen == expected };
    if let Some(part) = expected.get("contains") {
        return seen.as_str().is_some_and(|text| text.contains(part.as_str().unwrap()));
    }
    if let Some(Value::Array(bounds)) = expected.get("between") {
        return seen
            .as_i64()
            .is_some_and(|number| (bounds[0].as_i64().unwrap()..=bounds[1].as_i64().unwrap()).contains(&number));
    }
    expected.iter().all(|(name, expected)| seen.get(name).is_some_and(|seen| is_as_expected(seen, expected)))
}

fn run(case: &Value, runner: Command, sandbox: &Sandbox) {
    let name = case["name"].as_str().unwrap();
    let check = |what: &str, seen: &Value, expected: &Value| {
        let is_right = is_as_expected(seen, expected);
        assert!(is_right, "«{name}», {what}:\n  seen      {seen}\n  expected  {expected}");
    };
    sandbox.script(case.get("answers").unwrap_or(&json!([])));
    let mut runner = Runner::start(runner, case.get("environment").and_then(Value::as_object));
    check("the client", &runner.answer(), case.get("client").unwrap_or(&json!({"client": true})));
    for call in case["calls"].as_array().into_iter().flatten() {
        let line = call["call"].as_str().unwrap().replace("{api}", sandbox.variable("TANGO_API_URL"));
        check(&line, &runner.call(&line), &call["expect"]);
    }
    runner.end();
    if let Some(expected) = case.get("requests").and_then(Value::as_array) {
        let seen: Vec<_> = sandbox.requests().iter().map(with_form).collect();
        assert_eq!(seen.len(), expected.len(), "«{name}» sent {seen:?}");
        for (seen, expected) in seen.iter().zip(expected) {
            check("a request", seen, expected);
        }
    }
}

/// A recorded request with its body decoded, and a word on the header that must not always be there.
fn with_form(request: &Value) -> Value {
    let mut request = request.clone();
    let body = request["body"].as_str().unwrap_or_default().to_owned();
    let fields = url::form_urlencoded::parse(body.as_bytes());
    request["form"] = fields.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect();
    if request["headers"].get("dpop").is_none() {
        request["headers"]["dpop"] = Value::Null;
    }
    request
}

fn cases() -> Vec<Value> {
    let text = std::fs::read_to_string(root().join("tests/conformance/cases.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn c_passes_every_case() {
    let sandbox = Sandbox::start(&[]);
    for tool in [Under::Nothing, Under::Sanitizers] {
        let program = Program::build("tests/conformance/runner.c", tool);
        for case in cases() {
            run(&case, program.command(&sandbox), &sandbox);
        }
    }
}

#[test]
fn go_passes_every_case() {
    let sandbox = Sandbox::start(&[]);
    let program = scratch().join("conformance-go");
    let module = root().join("bindings/go");
    succeed(Command::new("go").args(["build", "-o"]).arg(&program).arg("./internal/conformance").current_dir(module));
    let library = installed_prefix().join("lib/libtango_token.so.1");
    for case in cases() {
        let mut runner = Command::new(&program);
        runner.envs(&sandbox.variables).env("TANGO_PROXY", "none").env("TANGO_TOKEN_LIBRARY", &library);
        run(&case, runner, &sandbox);
    }
}
