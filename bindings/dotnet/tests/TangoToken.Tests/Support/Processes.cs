using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Text;

namespace TangoToken.Tests
{
    internal static class Processes
    {
        internal static string Required(string variable)
        {
            string value = Environment.GetEnvironmentVariable(variable);
            Check.That(!string.IsNullOrEmpty(value), variable + " is set, as scripts/test-dotnet.sh does");
            return value;
        }

        internal static Process Start(string program, string arguments, IDictionary<string, string> environment = null)
        {
            var start = new ProcessStartInfo(program, arguments)
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                StandardOutputEncoding = new UTF8Encoding(false),
            };
            foreach (KeyValuePair<string, string> variable in environment ?? new Dictionary<string, string>())
                start.EnvironmentVariables[variable.Key] = variable.Value;
            return Process.Start(start);
        }

        /// <summary>Runs a .NET program on this program's runtime, and returns its output and its exit code.</summary>
        internal static string RunManaged(string assembly, string arguments, IDictionary<string, string> environment)
        {
            using (Process process = StartManaged(assembly, arguments, environment))
            {
                process.StandardInput.Close();
                string printed = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
                process.WaitForExit();
                return printed + "exit code " + process.ExitCode;
            }
        }

        internal static Process StartManaged(string assembly, string arguments, IDictionary<string, string> environment)
        {
            return Start(Process.GetCurrentProcess().MainModule.FileName, assembly + " " + arguments, environment);
        }

        internal static string Beside(string name)
        {
            return Path.Combine(AppContext.BaseDirectory, name);
        }
    }
}
