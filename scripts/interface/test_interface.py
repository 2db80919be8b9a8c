"""python3 -m unittest discover --start-directory scripts/interface"""

import tempfile
import unittest
from pathlib import Path

import go
import header
import options
from words import pascal, wrapped

ROOT = Path(__file__).resolve().parents[2]
HEADER = (ROOT / "include/tango_token.h").read_text()
FUNCTION = "\n/**\n * Adds.\n */\nint32_t tango_sum(int32_t one, int32_t other);\n"


class HeaderTest(unittest.TestCase):
    def test_the_header_is_understood(self):
        interface = header.parse(HEADER)
        names = {kind: [one["name"] for one in interface[kind]] for kind in header.PATTERNS}
        self.assertEqual(names["constants"], ["TANGO_ABI_VERSION"])
        self.assertIn("tango_status", names["enums"])
        self.assertIn("tango_client", names["objects"])
        self.assertIn("tango_acquire_done", names["callbacks"])
        self.assertEqual(interface["contract"][0]["name"], "Objects")

    def test_a_function_has_its_documentation_its_result_and_its_parameters(self):
        functions = {one["name"]: one for one in header.parse(HEADER + FUNCTION)["functions"]}
        wanted = {"name": "tango_sum", "doc": "Adds.", "returns": "int32_t"}
        parameters = [{"type": "int32_t", "name": "one"}, {"type": "int32_t", "name": "other"}]
        self.assertEqual(functions["tango_sum"], wanted | {"parameters": parameters})

    def test_a_header_that_is_not_understood_is_refused(self):
        for name, text in {
            "empty": "",
            "nothing but its contract": HEADER[: HEADER.index("#ifndef")],
            "no contract": HEADER.replace("The contract", "The rules"),
            "a function without documentation": HEADER + "int32_t tango_sum(int32_t one);\n",
            "an enum in another style": HEADER + "/**\n * Other.\n */\nenum tango_other { TANGO_OTHER_ONE = 1 };\n",
            "an enum member in another style": HEADER.replace("TANGO_VERDICT_DONE = 1,", "TANGO_VERDICT_DONE = 0x1,"),
            "a member of another enum": HEADER.replace("TANGO_VERDICT_DONE = 1,", "TANGO_OTHER_DONE = 1,"),
            "a structure": HEADER + "/**\n * Other.\n */\nstruct tango_other { int32_t one; };\n",
            "a function as a parameter": HEADER + FUNCTION.replace("int32_t one", "int32_t (*one)(int32_t)"),
            "an array": HEADER + FUNCTION.replace("int32_t one", "int32_t one[2]"),
            "an unknown type": HEADER + FUNCTION.replace("int32_t one", "float one"),
            "an unknown result": HEADER + FUNCTION.replace("int32_t tango_sum", "float tango_sum"),
            "an object by value": HEADER + FUNCTION.replace("int32_t one", "tango_client one"),
        }.items():
            with self.subTest(name), self.assertRaises(header.NotUnderstood):
                header.parse(text)


class OptionsTest(unittest.TestCase):
    TABLE = ROOT / "src/config/options.toml"

    def load(self, text):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "options.toml"
            path.write_text(text)
            return options.load(path)

    def test_the_table_is_that_of_the_header(self):
        options.compare(options.load(self.TABLE), header.parse(HEADER))

    def test_a_setter_without_an_option_is_refused(self):
        with self.assertRaises(SystemExit):
            options.compare(options.load(self.TABLE)[1:], header.parse(HEADER))

    def test_a_wrong_table_is_refused(self):
        option = '[[option]]\nname = "one"\ntype = "string"\ndoc = "One."\n'
        self.assertEqual(self.load(option)[0].variable, "TANGO_ONE")
        for name, text in {
            "an unknown type": option.replace('"string"', '"number"'),
            "an unknown reference": option.replace('"One."', '"Like {other}."'),
            "the same name twice": option + option,
        }.items():
            with self.subTest(name), self.assertRaises(SystemExit):
                self.load(text)


class WordsTest(unittest.TestCase):
    def test_names_are_spelled_as_each_language_spells_them(self):
        self.assertEqual(pascal("QUOTA_REFUSED"), "QuotaRefused")
        for c, wanted in {
            "quota_refused": "QuotaRefused",
            "TLS_FAILED": "TLSFailed",
            "dpop_key_public_jwk": "DPoPKeyPublicJWK",
            "EDDSA": "EdDSA",
        }.items():
            self.assertEqual(pascal(c, go.SPELLING), wanted)

    def test_paragraphs_are_wrapped_behind_their_prefix(self):
        self.assertEqual(wrapped("one two\n\nthree", "// ", width=7), ["// one", "// two", "//", "// three"])


if __name__ == "__main__":
    unittest.main()
