using System;
using System.Collections.Generic;

namespace TangoToken.Tests
{
    /// <summary>Runs this program as its own child, to test what is fixed when a process starts: environment and libraries.</summary>
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
                switch (what)
                {
                    case "generate":
                        DpopKey.Generate().Dispose();
                        return 0;
                    case "return":
                        return CallBackAndEnd();
                    case "exit":
                        Environment.Exit(CallBackAndEnd());
                        return 1;
                    default:
                        Console.WriteLine(TangoClient.FromEnvironment().Acquire());
                        return 0;
                }
            }
            catch (Exception failure)
            {
                Console.WriteLine("{0}: {1}", failure.GetType().Name, failure.Message);
                return 3;
            }
        }

        /// <summary>Lets native threads call every kind of callback, and does not dispose the client.</summary>
        private static int CallBackAndEnd()
        {
            AppDomain.CurrentDomain.ProcessExit += (sender, nothing) => Console.WriteLine("the exit handler ran");
            TangoLog.SendTo(TangoLogLevel.Trace, (level, line) => { });
            TangoClientOptions options = TangoClientOptions.FromEnvironment();
            options.CustomCache = new MemoryCache();
            Console.WriteLine(new TangoClient(options).AcquireAsync().GetAwaiter().GetResult());
            GC.Collect();
            return 7;
        }
    }
}
