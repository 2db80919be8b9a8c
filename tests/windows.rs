//! The library for Windows, under Wine: programs in C and C++ against a sandbox. `scripts/test-windows.sh` builds what
//! this needs. docs/windows.md says what Wine cannot show.

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use support::sandbox::Sandbox;
use support::wine::{self, Compiler, build};
use support::{fresh_directory, succeed};

const BOTH_C_LIBRARIES: [Compiler; 2] = [Compiler::MinGw, Compiler::Clang];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

/// Runs a program of tests/c, and compares what it prints.
fn check(source: &str, options: &[&str], printed: &str) -> Sandbox {
    let sandbox = Sandbox::start(options);
    let output = build(source, Compiler::MinGw).run(&sandbox);
    assert_eq!(text(&output.stdout), printed, "{source}");
    sandbox
}

#[test]
fn examples_get_a_token() {
    let sandbox = Sandbox::start(&[]);
    // C11's clock is in the newer C library only.
    let lines = text(&build("examples/c/acquire.c", Compiler::Clang).run(&sandbox).stderr);
    assert_eq!(lines.matches("Bearer token for raas.all, good for 86").count(), 2, "{lines}");
    assert_eq!(sandbox.token_requests(), 1, "the second is served from memory");
    for compiler in BOTH_C_LIBRARIES {
        let sandbox = Sandbox::start(&[]);
        let output = build("examples/c/event_loop_windows.c", compiler).run(&sandbox);
        assert!(text(&output.stdout).starts_with("Bearer token, good for 86"), "{compiler:?}");
    }
}

#[test]
fn sixty_four_threads_on_an_empty_client_send_one_token_request() {
    assert_eq!(check("tests/c/threads.c", &["--latency-ms", "50"], "one token for all\n").token_requests(), 1);
}

#[test]
fn each_asynchronous_request_completes_once() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let printed = build("tests/c/async.c", Compiler::MinGw).run_at_gate(&sandbox);
    assert_eq!(printed, "each request completed once\n");
    assert_eq!(sandbox.token_requests(), 2, "one for the thousand, one after the invalidation");
}

#[test]
fn bad_input_returns_a_status_and_a_message() {
    check("tests/c/bad_input.c", &[], "every bad input is an invalid argument\n");
}

#[test]
fn clients_with_one_custom_cache_send_one_token_request() {
    assert_eq!(check("tests/c/cache_callbacks.c", &[], "one token through the custom cache\n").token_requests(), 1);
}

#[test]
fn callbacks_that_hang_delay_no_request() {
    check("tests/c/hung_callbacks.c", &["--quota-window-seconds", "0"], "nothing waited for a callback\n");
}

#[test]
fn held_token_is_there_without_waiting() {
    check("tests/c/try_acquire.c", &["--quota-window-seconds", "0"], "the held token, without waiting\n");
}

#[test]
fn keys_of_every_algorithm_sign_proofs_that_the_sandbox_accepts() {
    let sandbox = Sandbox::start(&[]);
    let lines = text(&build("tests/c/dpop.c", Compiler::MinGw).run(&sandbox).stdout);
    let algorithms: Vec<_> = lines.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(algorithms, ["ES256", "ES384", "EdDSA", "RS256", "PS256"]);
    check("tests/c/authorize.c", &["--dpop", "strict"], "the headers follow the responses\n");
}

#[test]
fn programs_in_cpp_work() {
    let without_quota = ["--quota-window-seconds", "0"];
    for (source, options, printed) in [
        ("tests/cpp/objects.cpp", &without_quota[..], "every handle was freed once\n"),
        ("tests/cpp/shared_cache.cpp", &[], "one token through the custom cache\n"),
    ] {
        let output = build(source, Compiler::MinGwCpp).run(&Sandbox::start(options));
        assert_eq!(text(&output.stdout), printed, "{source}");
    }
    let printed = build("tests/cpp/callbacks.cpp", Compiler::MinGwCpp).run_at_gate(&Sandbox::start(&without_quota));
    assert_eq!(printed, "each callback was destroyed once\n");
}

#[test]
fn library_is_unloaded_before_its_first_thread_and_never_after_it() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let output = build("tests/windows/load.c", Compiler::MinGw).run(&sandbox);
    assert_eq!(text(&output.stdout), "loaded and unloaded\n");
}

#[test]
fn process_that_ends_during_its_request_leaves_the_token_to_the_next_one() {
    for compiler in BOTH_C_LIBRARIES {
        let sandbox = Sandbox::start(&[]);
        let cache = format!("file:{}", wine::path(&fresh_directory(&format!("windows-exit-{compiler:?}"))));
        let program = build("tests/c/exit.c", compiler);
        sandbox.hold();
        let mut ending = program.command(&sandbox);
        let mut ending = ending.env("TANGO_CACHE", &cache).stdin(Stdio::piped()).spawn().unwrap();
        sandbox.wait_for("token_requests", 1);
        // A line on its standard input, which then ends.
        drop(ending.stdin.take().map(|mut stdin| std::io::Write::write_all(&mut stdin, b"\n")));
        std::thread::sleep(Duration::from_millis(500));
        assert!(ending.try_wait().unwrap().is_none(), "{compiler:?}: it waits for its token");
        sandbox.release();
        assert!(ending.wait().unwrap().success(), "{compiler:?}");

        let output = succeed(program.command(&sandbox).env("TANGO_CACHE", &cache).arg("next"));
        assert_eq!(text(&output.stdout), "a token\n", "{compiler:?}");
        assert_eq!(sandbox.token_requests(), 1, "{compiler:?}");
    }
}

#[test]
fn processes_that_share_a_directory_send_one_token_request() {
    let sandbox = Sandbox::start(&["--latency-ms", "200"]);
    let directory = fresh_directory("windows-fleet").join("cache");
    let program = build("tests/c/exit.c", Compiler::MinGw);
    let start = || {
        let mut command = program.command(&sandbox);
        command.arg("next").env("TANGO_CACHE", format!("file:{}", wine::path(&directory)));
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let processes: Vec<_> = (0..6).map(|_| start()).collect();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(text(&output.stdout), "a token\n");
    }
    assert_eq!(sandbox.token_requests(), 1);
    // Wine stores an access control list as a mode, with the administrators as the group, who may do everything.
    let others = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o007;
    assert_eq!(others(&directory), 0);
    for file in fs::read_dir(&directory).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(others(&path), 0, "{}", path.display());
        assert_ne!(path.extension().and_then(|extension| extension.to_str()), Some("tmp"));
    }
}

#[test]
fn default_directory_is_in_the_users_local_data() {
    let sandbox = Sandbox::start(&[]);
    let users = PathBuf::from(std::env::var_os("WINEPREFIX").unwrap()).join("drive_c/users");
    let find =
        || succeed(Command::new("find").arg(&users).args(["-path", "*/AppData/Local/tango-token/*.record"])).stdout;
    let remove = || succeed(Command::new("find").arg(&users).args(["-path", "*/tango-token/*", "-delete"]));
    remove();
    succeed(build("tests/c/exit.c", Compiler::MinGw).command(&sandbox).arg("next").env("TANGO_CACHE", "file"));
    assert_eq!(text(&find()).lines().count(), 1);
    remove();
}

/// Returns what a program says that cannot use this cache.
fn refusal(sandbox: &Sandbox, cache: &str) -> String {
    let output: Output = build("tests/c/exit.c", Compiler::MinGw)
        .command(sandbox)
        .arg("next")
        .env("TANGO_CACHE", cache)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    text(&output.stderr)
}

#[test]
fn directory_of_another_user_or_that_others_can_write_is_refused() {
    let sandbox = Sandbox::start(&[]);
    let directory = fresh_directory("windows-refused");
    let cache = format!("file:{}", wine::path(&directory));
    fs::set_permissions(&directory, Permissions::from_mode(0o777)).unwrap();
    let said = refusal(&sandbox, &cache);
    assert!(said.contains("is writable by other users"), "{said}");
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    chown(&directory, Some(65_534), None).unwrap();
    let said = refusal(&sandbox, &cache);
    assert!(said.contains("belongs to another user"), "{said}");
    assert_eq!(sandbox.token_requests(), 0);
}

/// Wine has no junctions, and shows links of Unix as such.
#[test]
fn link_in_place_of_the_directory_is_refused() {
    let sandbox = Sandbox::start(&[]);
    let directory = fresh_directory("windows-link");
    fs::create_dir(directory.join("real")).unwrap();
    symlink("real", directory.join("link")).unwrap();
    let said = refusal(&sandbox, &format!("file:{}", wine::path(&directory.join("link"))));
    assert!(said.contains("is a symbolic link or a junction"), "{said}");
    assert_eq!(sandbox.token_requests(), 0);
}

#[test]
fn directory_without_a_drive_is_refused() {
    let sandbox = Sandbox::start(&[]);
    for cache in ["file:cache", "file:/cache", r"file:\cache", "file:C:cache"] {
        let said = refusal(&sandbox, cache);
        assert!(said.contains(r"must be an absolute path (file:C:\a\directory)"), "{cache}: {said}");
    }
}

#[test]
fn authority_that_the_machine_does_not_trust_is_refused() {
    let sandbox = Sandbox::start(&[]);
    let mut command = build("tests/c/exit.c", Compiler::MinGw).command(&sandbox);
    let output = command.arg("next").env_remove("TANGO_CA_FILE").output().unwrap();
    let said = text(&output.stderr);
    assert!(said.contains("was issued by an authority that is not trusted here"), "{said}");
}
