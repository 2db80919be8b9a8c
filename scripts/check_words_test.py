"""python3 scripts/check_words_test.py"""

import re
import unittest

from check_words import Row, findings, rows

TABLE = list(rows())


def found(text, path="src/file.rs", table=TABLE):
    return [(line, word.lower()) for line, word, _ in sorted(findings(path, text, table))]


class RetiredWords(unittest.TestCase):
    def test_words_are_found_inside_of_names(self):
        for name in ("flight", "Flights", "FlightBoard", "flight_board", "joinFlight", "JOIN_FLIGHT"):
            self.assertEqual(len(found(name)), 1, name)

    def test_parts_of_other_words_are_not_found(self):
        self.assertEqual(found("lifetime troubleshooting landscape subfolderless"), [])

    def test_phrases_are_found_across_lines_of_a_comment(self):
        for comment in ("// waited for\n// for five", "# waited\n# for for five", " * waited for\n *   for five"):
            self.assertEqual(found("\n" + comment), [(2, "waited for for")], comment)

    def test_allowed_phrases_are_not_found(self):
        self.assertEqual(found("in flight, in-flight, InFlight, single_flight; renew the lease, lock renewal"), [])
        self.assertEqual(found("renews the token"), [(1, "renews")])

    def test_rows_are_for_their_paths(self):
        row = Row(re.compile("word"), "another", ["src", "!src/client"])
        places = [("src/policy.rs", 1), ("src/client/plan.rs", 0), ("srcs/policy.rs", 0), ("docs/dpop.md", 0)]
        for path, count in places:
            self.assertEqual(len(found("word", path, [row])), count, path)


if __name__ == "__main__":
    unittest.main()
