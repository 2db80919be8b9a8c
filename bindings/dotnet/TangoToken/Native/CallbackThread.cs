using System;
using System.Runtime.InteropServices;

namespace TangoToken
{
    /// <summary>
    /// What Mono needs on a thread of the library that runs managed code: it stops threads with real-time signals, for a garbage
    /// collection and at exit, and would wait for ever for one that blocks them. CoreCLR does not.
    /// </summary>
    internal static class CallbackThread
    {
        private const int Unblock = 1; // SIG_UNBLOCK of Linux

        private static readonly bool IsMono = Type.GetType("Mono.Runtime") != null;

        // A sigset_t with the bits of the signals 34 to 64.
        private static readonly byte[] RealTimeSignals = MakeSet();

        [ThreadStatic]
        private static bool isEntered;

        /// <summary>The first thing in each callback.</summary>
        internal static void Enter()
        {
            if (!IsMono || isEntered)
                return;
            isEntered = true;
            pthread_sigmask(Unblock, RealTimeSignals, IntPtr.Zero);
        }

        private static byte[] MakeSet()
        {
            var set = new byte[128];
            set[4] = 0xFE;
            set[5] = set[6] = set[7] = 0xFF;
            return set;
        }

        [DllImport("libc")]
        private static extern int pthread_sigmask(int how, byte[] set, IntPtr before);
    }
}
