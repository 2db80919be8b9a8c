using System;
using System.Runtime.InteropServices;

namespace TangoToken.Tests
{
    /// <summary>
    /// The other tests count that each handle is freed once. These check with malloc's statistics that freeing a handle frees its
    /// memory.
    /// </summary>
    public static class LeakTests
    {
        // Smaller than any native object.
        private const int SmallestObject = 16;

        [Test]
        public static void Tokens_requests_and_authorizations_are_freed()
        {
            using (Sandbox sandbox = Sandbox.Start("--quota-window-seconds 0"))
            using (TangoClient client = sandbox.Client())
            {
                // All handles of one token share an object, so each round needs another token.
                DoesNotGrow(100, () =>
                {
                    using (AccessToken token = client.Acquire())
                        client.Invalidate(token);
                });
                client.Acquire().Dispose();
                DoesNotGrow(2000, () => client.Acquire().Dispose());
                DoesNotGrow(2000, () => client.AcquireAsync().GetAwaiter().GetResult().Dispose());
                DoesNotGrow(2000, () => client.Authorize("GET", sandbox.ApiUrl).Dispose());
            }
        }

        [Test]
        public static void Configurations_clients_and_errors_are_freed()
        {
            var options = new TangoClientOptions { Environment = TangoEnvironment.Sandbox };
            DoesNotGrow(200, () => Check.Fails(TangoStatus.InvalidConfiguration, () => new TangoClient(options)));
            options.ClientId = options.ClientSecret = options.Username = options.Password = "x";
            DoesNotGrow(200, () => new TangoClient(options).Dispose());
        }

        [Test]
        public static void Keys_and_proofs_are_freed()
        {
            DoesNotGrow(2000, () => DpopKey.Generate().Dispose());
            using (DpopKey key = DpopKey.Generate())
                DoesNotGrow(2000, () => key.CreateProof("GET", "https://api.example/"));
        }

        /// <summary>A leak grows in every round; allocations of the runtime itself do not.</summary>
        private static void DoesNotGrow(int times, Action action)
        {
            long least = long.MaxValue;
            for (int round = 0; round < 10 && least >= times * SmallestObject; round++)
            {
                long before = InUse();
                for (int i = 0; i < times; i++)
                    action();
                least = Math.Min(least, InUse() - before);
            }
            Check.That(least < times * SmallestObject, times + " calls leaked " + least + " bytes");
        }

        private static long InUse()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            MallInfo info = mallinfo2();
            return (long)info.uordblks + (long)info.hblkhd;
        }

        [StructLayout(LayoutKind.Sequential)]
        private struct MallInfo
        {
            internal UIntPtr arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
        }

        [DllImport("libc.so.6")]
        private static extern MallInfo mallinfo2();
    }
}
