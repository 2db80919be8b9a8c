//! One case: its description, running it with a runner, and comparing the outcome.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::expectation::check;
use super::support::sandbox::Sandbox;
use super::support::{fresh_directory, root};

/// Longer than any deadline of the library.
const PATIENCE: Duration = Duration::from_secs(60);

const FIELDS: [&str; 9] =
    ["name", "files", "options", "environment", "client", "connections", "responses", "calls", "requests"];

pub struct Case {
    pub subject: String,
    pub name: String,
    /// The case as it is in the file, with names of the sandbox's variables in braces.
    description: Value,
}

/// Returns every case of cases.json, in its order.
pub fn all() -> Vec<Case> {
    let cases = std::fs::read_to_string(root().join("tests/conformance/cases.json")).unwrap();
    let subjects: Vec<Value> = serde_json::from_str(&cases).unwrap();
    subjects.iter().flat_map(cases_of).collect()
}

fn cases_of(subject: &Value) -> Vec<Case> {
    let name = subject["subject"].as_str().unwrap();
    subject["cases"].as_array().unwrap().iter().map(|case| Case::new(name, case)).collect()
}

impl Case {
    pub fn new(subject: &str, description: &Value) -> Self {
        let name = description["name"].as_str().unwrap().into();
        for field in description.as_object().unwrap().keys() {
            let is_known = FIELDS.contains(&field.as_str());
            assert!(is_known, "«{name}» has a field {field}");
        }
        Self { subject: subject.into(), name, description: description.clone() }
    }

    pub fn run(&self, mut command: Command, sandbox: &Sandbox) -> Result<(), String> {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let files = fresh_directory(&format!("conformance-files-{}", RUNS.fetch_add(1, Relaxed)));
        let case = filled(&self.description, sandbox, &files);
        write_files(&case["files"], &files);
        sandbox.script(&case["responses"].as_array().into_iter().flatten().map(scripted_response).collect());
        if let Some(faults) = case.get("connections") {
            sandbox.fail_connections(faults);
        }
        for (name, value) in case["environment"].as_object().into_iter().flatten() {
            command.env(name, value.as_str().unwrap());
        }
        for option in case.get("options").unwrap_or(&json!(["load_env"])).as_array().unwrap() {
            command.arg(option.as_str().unwrap());
        }
        let mut runner = Runner::start(command);
        let outcome = talk(&mut runner, &case);
        fs::remove_dir_all(files).unwrap();
        // If the runner ended too early, its exit explains more than the outcome.
        runner.end().and(outcome)?;
        check_requests(&sandbox.requests(), &case["requests"])
    }
}

fn talk(runner: &mut Runner, case: &Value) -> Result<(), String> {
    check("the client", &runner.read()?, case.get("client").unwrap_or(&json!({"client": true})))?;
    for call in case["calls"].as_array().into_iter().flatten() {
        let line = call["call"].as_str().unwrap();
        check(line, &runner.call(line)?, &call["expect"])?;
    }
    Ok(())
}

/// Compares the requests, unless the case does not name any.
fn check_requests(seen: &[Value], expected: &Value) -> Result<(), String> {
    let Value::Array(expected) = expected else { return Ok(()) };
    if seen.len() != expected.len() {
        return Err(format!("{} requests instead of {}: {seen:?}", seen.len(), expected.len()));
    }
    let mut pairs = seen.iter().map(with_form).zip(expected);
    pairs.try_for_each(|(seen, expected)| check("a request", &seen, expected))
}

/// Fills in the braces of every string.
fn filled(description: &Value, sandbox: &Sandbox, files: &Path) -> Value {
    match description {
        Value::String(string) => fill(string, sandbox, files).into(),
        Value::Array(values) => values.iter().map(|value| filled(value, sandbox, files)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), filled(value, sandbox, files))).collect()
        }
        other => other.clone(),
    }
}

/// `{TANGO_API_URL}` is the sandbox's variable of that name, `{IN_AN_HOUR}` a time in the format of headers, `{FILES}` the
/// directory of the case's files, and `{CA}` the sandbox's certificate authority in PEM.
fn fill(string: &str, sandbox: &Sandbox, files: &Path) -> String {
    let hour = httpdate::fmt_http_date(SystemTime::now() + Duration::from_hours(1));
    let ca = fs::read_to_string(&sandbox.variables["TANGO_CA_FILE"]).unwrap();
    let string = string.replace("{IN_AN_HOUR}", &hour).replace("{CA}", &ca);
    let string = string.replace("{FILES}", &files.display().to_string());
    let variables = sandbox.variables.iter();
    variables.fold(string, |filled, (name, value)| filled.replace(&format!("{{{name}}}"), value))
}

/// Writes the files of a case, which only this user can read, as keys want it.
fn write_files(files: &Value, directory: &Path) {
    for (name, content) in files.as_object().into_iter().flatten() {
        let path = directory.join(name);
        fs::write(&path, content.as_str().unwrap()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// Converts a response of a case to the sandbox's format: `json` becomes a body of that type.
fn scripted_response(description: &Value) -> Value {
    let mut response = description.clone();
    let fields = response.as_object_mut().unwrap();
    if let Some(value) = fields.remove("json") {
        fields.insert("body".into(), value.to_string().into());
        fields.entry("headers").or_insert_with(|| json!({}))["content-type"] = "application/json".into();
    }
    response
}

/// Adds the decoded form to a recorded request.
fn with_form(request: &Value) -> Value {
    let mut request = request.clone();
    let body = request["body"].as_str().unwrap_or_default().to_owned();
    let fields = url::form_urlencoded::parse(body.as_bytes());
    request["form"] = fields.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect();
    request
}

/// The process of a runner.
struct Runner {
    process: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: JoinHandle<String>,
}

impl Runner {
    fn start(mut command: Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let output = BufReader::new(process.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut errors = process.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut printed = Vec::new();
            errors.read_to_end(&mut printed).unwrap();
            String::from_utf8_lossy(&printed).into_owned()
        });
        Self { input: process.stdin.take(), process, lines, errors }
    }

    fn call(&mut self, line: &str) -> Result<Value, String> {
        let input = self.input.as_mut().unwrap();
        let written = writeln!(input, "{line}").and_then(|()| input.flush());
        written.map_err(|error| format!("{line}: {error}"))?;
        self.read()
    }

    fn read(&mut self) -> Result<Value, String> {
        let line = self.lines.recv_timeout(PATIENCE).map_err(|_| "it printed nothing")?;
        serde_json::from_str(&line).map_err(|error| format!("{error}: {line:?}"))
    }

    /// Closes its input. It has to exit with success and print nothing more.
    fn end(mut self) -> Result<(), String> {
        drop(self.input.take());
        let rest = self.lines.recv_timeout(PATIENCE);
        if rest != Err(RecvTimeoutError::Disconnected) {
            let _ = self.process.kill();
        }
        let status = self.process.wait().unwrap();
        let printed = self.errors.join().unwrap();
        match rest {
            Ok(line) => Err(format!("it printed too much: {line}")),
            Err(RecvTimeoutError::Timeout) => Err(format!("it did not end: {printed}")),
            Err(RecvTimeoutError::Disconnected) if !status.success() => {
                Err(format!("it ended with {status}: {printed}"))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(()),
        }
    }
}
