"""python3 -m unittest discover --start-directory scripts/reliability"""

import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import document
import faults
import figures
import results
import rows
from results import Result
from rows import InvalidEntry

MAKEFILE = "TEST_PARTS := core c\n"
CI = "make test\nmake reliability-short\n"


def parsed(**values):
    values = {"area": "Fork", "tried": "forks", "command": "true"} | values
    toml = {key: str(value).lower() if isinstance(value, bool) else repr(value) for key, value in values.items()}
    return rows.parse("fork", "[[row]]\n" + "\n".join(f"{key} = {value}" for key, value in toml.items()))[0]


class Rows(unittest.TestCase):
    def test_command_is_the_short_form_where_there_is_no_other(self):
        self.assertEqual(parsed().short, "true")
        self.assertEqual(parsed(short="false").short, "false")

    def test_row_without_a_short_form_names_the_place(self):
        self.assertIsNone(parsed(short=False, covered_by="make test-c").short)
        for values in ({"short": False}, {"covered_by": "make test-c"}, {"short": True}, {"short": 1}):
            self.assertRaises(InvalidEntry, parsed, **values)

    def test_missing_and_unknown_keys_are_reported(self):
        for values in ({"area": " "}, {"command": 1}, {"commands": "true"}):
            self.assertRaises(InvalidEntry, parsed, **values)
        for text in ("", "[[row]", "title = 'a'", "[[row]]\narea = 'Fork'"):
            self.assertRaises(InvalidEntry, rows.parse, "fork", text)

    def test_place_is_one_that_ci_runs(self):
        for place in ("make test", "make test-c", "make reliability-short"):
            rows.check_covered(parsed(short=False, covered_by=place), MAKEFILE, CI)
        for place in ("make test-go", "make check", "test-c", "make test-c; true"):
            with self.assertRaises(InvalidEntry):
                rows.check_covered(parsed(short=False, covered_by=place), MAKEFILE, CI)

    def test_changed_row_needs_a_new_result(self):
        self.assertNotEqual(parsed().key, parsed(command="false").key)
        self.assertEqual(parsed().key, parsed(short="false").key)


class Runs(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.log = Path(directory.name, "logs", "row.log")

    def test_last_line_of_stdout_is_the_result(self):
        ran = results.run(r"echo first; printf '\033[1m5 children\033[0m\n\n'; echo noise >&2", self.log, 60)
        self.assertEqual((ran.status, ran.last_line), (0, "5 children"))
        self.assertIn("noise", self.log.read_text())

    def test_failure_inside_a_pipe_counts(self):
        self.assertEqual(results.run("exit 3 | cat", self.log, 60).status, 3)

    def test_command_that_hangs_is_killed_with_its_children(self):
        ran = results.run("sleep 600 & echo $!; wait", self.log, 0.5)
        self.assertNotEqual(ran.status, 0)
        self.assertIn("killed after", self.log.read_text())
        self.assertTrue(has_ended(int(ran.last_line)))

    def test_process_that_outlives_its_command_is_killed(self):
        ran = results.run("sleep 600 & echo $!", self.log, 60)
        self.assertEqual(ran.status, 0)
        self.assertTrue(has_ended(int(ran.last_line)))

    def test_durations_are_spoken(self):
        expected = {0.2: "1 s", 59: "59 s", 100: "2 min", 3600: "60 min", 7200: "2.0 h"}
        self.assertEqual({seconds: results.format_duration(seconds) for seconds in expected}, expected)


def has_ended(pid):
    """Waits for a process that was killed."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


class Figures(unittest.TestCase):
    def test_equal_figures_are_added(self):
        lines = ["test a ... Figure: 30 processes killed", "Figure: 30 processes killed", "Figure: no leak",
                 "test result: ok. 8 passed; 0 failed", "test result: ok. 2 passed; 0 failed",
                 "328 passed, 2 warnings in 9 s"]
        self.assertEqual(figures.summary(lines), "60 processes killed; no leak; 338 tests passed")

    def test_without_figures_there_is_no_result(self):
        self.assertEqual(figures.summary(["test result: FAILED. 1 passed; 1 failed"]), "")


class Document(unittest.TestCase):
    def test_tables_say_what_was_measured(self):
        result = Result("5 children | none hung", 90, "2026-11-28", "0123456789")
        fault = faults.Fault(Path("faults/fork-handler.patch"), "no handler", "make test-c", "hung [0-9]+")
        found = Result("found", 1, "2026-11-28", "0123456789")
        text = "\n".join(document.tables({parsed(command="a | b"): result}, {fault: found}, "2 cores"))
        self.assertIn("Measured on 2026-11-28, at commit 0123456789, on 2 cores.", text)
        self.assertIn(r"| Fork | forks | 5 children \| none hung | `a \| b` | 90 s |", text)
        self.assertIn("| no handler | `make test-c` | `hung [0-9]+` | found |", text)

    def test_rows_and_faults_without_a_result_say_so(self):
        fault = faults.Fault(Path("faults/fork-handler.patch"), "no handler", "make test-c", "hung")
        text = "\n".join(document.tables({parsed(): None}, {fault: None}, "2 cores"))
        self.assertIn("| Fork | forks | not run yet | `true` |  |", text)
        self.assertIn("| no handler | `make test-c` | `hung` | not run yet |", text)

    def test_only_the_marked_region_is_written(self):
        text = f"before\n{document.BEGIN}\nold\n{document.END}\nafter\n"
        self.assertEqual(document.region(text, "new"),
                         f"before\n{document.BEGIN}\n\nnew\n\n{document.END}\nafter\n")


PATCH = """Fault: the greeting is wrong
Check: grep hello greeting || { echo no hello; false; }
Expect: ^no [[:lower:]]+$

--- a/greeting
+++ b/greeting
@@ -1 +1 @@
-hello
+goodbye
"""


class Faults(unittest.TestCase):
    """In a repository of their own."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(directory.name)
        Path("greeting").write_text("hello\n")
        Path(".gitignore").write_text("target/\n")
        self.patch = Path("greeting.patch")
        self.patch.write_text(PATCH)
        for command in (["init", "--quiet"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b.example",
                        "commit", "--quiet", "--message=first"]):
            subprocess.run(["git", *command], check=True)
        self.log = Path("target/check.log")

    def check(self, copy, fault):
        return faults.is_found(fault, results.run(fault.check, self.log, 60, copy.directory).status, self.log)

    def test_fault_is_planted_in_the_copy_and_found(self):
        fault, copy = faults.parse(self.patch, PATCH), faults.Copy(Path("target/tree"))
        faults.check_applies(fault)
        copy.apply(fault)
        self.assertIsNone(self.check(copy, fault))
        self.assertEqual(Path("greeting").read_text(), "hello\n")
        copy.restore()
        self.assertEqual(self.check(copy, fault), "the check passed")

    def test_failure_for_another_reason_does_not_count(self):
        fault = faults.parse(self.patch, PATCH.replace("^no", "^any"))
        copy = faults.Copy(Path("target/tree"))
        copy.apply(fault)
        self.assertIn("nothing like", self.check(copy, fault))

    def test_copy_has_uncommitted_changes_and_lasts(self):
        copy = faults.Copy(Path("target/tree"))
        Path("greeting").write_text("hello, world\n")
        Path("new").write_text("new\n")
        copy.restore()
        self.assertEqual((copy.directory / "greeting").read_text(), "hello, world\n")
        Path("new").unlink()
        again = faults.Copy(Path("target/tree"))
        again.restore()
        self.assertFalse((again.directory / "new").exists())

    def test_patch_that_does_not_apply_is_reported(self):
        Path("greeting").write_text("hi\n")
        self.assertRaises(InvalidEntry, faults.check_applies, faults.parse(self.patch, PATCH))

    def test_each_line_of_the_header_is_needed(self):
        for name in faults.HEADER:
            with self.assertRaises(InvalidEntry) as raised:
                faults.parse(self.patch, PATCH.replace(f"{name}: ", ""))
            self.assertIn(f"`{name}: `", str(raised.exception))


if __name__ == "__main__":
    unittest.main()
