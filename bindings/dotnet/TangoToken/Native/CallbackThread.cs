using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace TangoToken
{
    /// <summary>
    /// What Mono needs on a thread of the library that runs managed code. CoreCLR needs nothing.
    ///
    /// It stops threads with real-time signals, for a garbage collection and at exit, and would wait for ever for one that
    /// blocks them. And at exit it aborts background threads and waits for their end, which does not come for a native one.
    /// </summary>
    internal static class CallbackThread
    {
        private const int Unblock = 1; // SIG_UNBLOCK of Linux

        private static readonly bool IsMono = Type.GetType("Mono.Runtime") != null;

        // A sigset_t with the bits of the signals 34 to 64.
        private static readonly byte[] RealTimeSignals = MakeSet();

        private static int isWatched;

        [ThreadStatic]
        private static bool isEntered;

        /// <summary>The first thing in each callback.</summary>
        internal static void Enter()
        {
            if (!IsMono || isEntered)
                return;
            isEntered = true;
            pthread_sigmask(Unblock, RealTimeSignals, IntPtr.Zero);
            if (Interlocked.Exchange(ref isWatched, 1) == 0)
                new Thread(EndWithProgram) { IsBackground = true }.Start();
        }

        // Runs until Mono aborts it, which is when Main has returned: what else was to be done has been.
        private static void EndWithProgram()
        {
            try
            {
                Thread.Sleep(Timeout.Infinite);
            }
            finally
            {
                _exit(Environment.ExitCode);
            }
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

        [DllImport("libc")]
        private static extern void _exit(int code);
    }
}
