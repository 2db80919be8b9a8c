using System.Collections.Generic;
using System.IO;

namespace TangoToken.Tests
{
    /// <summary>The error of a process whose native library is missing or is not the right one.</summary>
    public static class LibraryTests
    {
        [Test]
        public static void Error_lists_the_paths_when_the_library_is_missing()
        {
            string output = Probe.Start("generate", Places("", ""));
            Check.Contains("DllNotFoundException: The native library libtango_token.so was not found. Tried: ", output);
            Check.Contains(System.AppContext.BaseDirectory, output);
            Check.Contains("LD_LIBRARY_PATH (not set)", output);
            Check.Contains("make install", output);
            Check.Contains("exit code 3", output);
        }

        [Test]
        public static void Error_names_the_variable_when_its_file_is_missing()
        {
#if NETCOREAPP3_0_OR_GREATER
            const string place = "The native library cannot be loaded from /nowhere.so, which TANGO_TOKEN_LIBRARY names: correct";
#else
            const string place = "TANGO_TOKEN_LIBRARY (not read by the netstandard2.0 build of this package)";
#endif
            string output = Probe.Start("generate", Places("/nowhere.so", ""));
            Check.Contains("DllNotFoundException: ", output);
            Check.Contains(place, output);
        }

        [Test]
        public static void Error_names_both_versions_when_the_ABI_differs()
        {
            string other = Processes.Required("TANGO_OTHER_ABI_LIBRARY");
            string output = Probe.Start("generate", Places(other, Path.GetDirectoryName(other)));
            Check.Contains("DllNotFoundException: libtango_token 9.9.9 has ABI version 99, and this assembly needs version 1", output);
        }

        [Test]
        public static void File_that_is_not_a_library_is_refused()
        {
            string directory = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
            Directory.CreateDirectory(directory);
            string file = Path.Combine(directory, "libtango_token.so");
            File.WriteAllText(file, "not a library");
            string output = Probe.Start("generate", Places(file, directory));
            Check.Contains("DllNotFoundException: ", output);
#if NETCOREAPP3_0_OR_GREATER
            Check.Contains("cannot be loaded from " + file + ", which TANGO_TOKEN_LIBRARY names", output);
#else
            Check.Contains("libtango_token.so was not found. Tried: ", output);
#endif
            Directory.Delete(directory, true);
        }

        private static Dictionary<string, string> Places(string named, string searched)
        {
            return new Dictionary<string, string> { { "TANGO_TOKEN_LIBRARY", named }, { "LD_LIBRARY_PATH", searched } };
        }
    }
}
