using System;
using System.Collections.Generic;

namespace TangoToken.Tests
{
    /// <summary>This program as its own child, for what a process can see only once: its environment and its libraries.</summary>
    internal static class Probe
    {
        internal const string Argument = "--probe";

        internal static string Start(string what, IDictionary<string, string> environment)
        {
            return Processes.RunManaged(Processes.Beside("TangoToken.Tests.dll"), Argument + " " + what, environment);
        }

        internal static int Run(string what)
        {
            try
            {
                if (what == "generate")
                    DpopKey.Generate().Dispose();
                else
                    Console.WriteLine(TangoClient.FromEnvironment().Acquire());
                return 0;
            }
            catch (Exception failure)
            {
                Console.WriteLine("{0}: {1}", failure.GetType().Name, failure.Message);
                return 3;
            }
        }
    }
}
