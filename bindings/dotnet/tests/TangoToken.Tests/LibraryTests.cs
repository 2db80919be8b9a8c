using System.Collections.Generic;
using System.IO;

namespace TangoToken.Tests
{
    /// <summary>A process whose native library is missing, is another, or is none: what its user is told.</summary>
    public static class LibraryTests
    {
        [Test]
        public static void A_missing_library_says_where_it_looked_and_how_to_get_it()
        {
            string said = Probe.Start("generate", Places("", ""));
            Check.Contains("DllNotFoundException: The native library libtango_token.so was not found. Looked at: ", said);
            Check.Contains(System.AppContext.BaseDirectory, said);
            Check.Contains("LD_LIBRARY_PATH (not set)", said);
            Check.Contains("make install", said);
            Check.Contains("exit code 3", said);
        }

        [Test]
        public static void A_variable_that_names_no_library_is_said()
        {
#if NETCOREAPP3_0_OR_GREATER
            const string place = "TANGO_TOKEN_LIBRARY (/nowhere.so)";
#else
            const string place = "TANGO_TOKEN_LIBRARY (not read by the netstandard2.0 build of this package)";
#endif
            string said = Probe.Start("generate", Places("/nowhere.so", ""));
            Check.Contains("DllNotFoundException: ", said);
            Check.Contains(place, said);
        }

        [Test]
        public static void Another_ABI_version_is_refused_with_both_numbers()
        {
            string other = Processes.Required("TANGO_OTHER_ABI_LIBRARY");
            string said = Probe.Start("generate", Places(other, Path.GetDirectoryName(other)));
            Check.Contains("DllNotFoundException: libtango_token 9.9.9 has ABI version 99, and this assembly needs 1", said);
        }

        [Test]
        public static void A_file_that_is_no_library_is_refused()
        {
            string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
            Directory.CreateDirectory(folder);
            string file = Path.Combine(folder, "libtango_token.so");
            File.WriteAllText(file, "not a library");
            string said = Probe.Start("generate", Places(file, folder));
            Check.Contains("DllNotFoundException: ", said);
            Check.Contains("libtango_token.so was not found. Looked at: ", said);
            Directory.Delete(folder, true);
        }

        private static Dictionary<string, string> Places(string named, string searched)
        {
            return new Dictionary<string, string> { { "TANGO_TOKEN_LIBRARY", named }, { "LD_LIBRARY_PATH", searched } };
        }
    }
}
