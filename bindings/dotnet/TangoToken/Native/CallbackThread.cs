using System;
using System.Threading;
#if !NETCOREAPP3_0_OR_GREATER
using System.Diagnostics;
using System.Reflection;
#endif

namespace TangoToken
{
    /// <summary>
    /// What Mono needs on a thread of the library that runs managed code. CoreCLR needs nothing, and the build for current .NET has
    /// nothing of this.
    ///
    /// Mono attaches such a thread for as long as it lives. At the end of the program it aborts every thread that it knows
    /// (after Main), or suspends it (Environment.Exit), and waits until the thread has noticed, which it does in managed code only:
    /// a thread that waits for the network in native code never does, and neither way out ends. Mono passes over threads that it
    /// does not manage, as its own native ones; that is a bit of the thread's flags, which nothing public can set.
    /// </summary>
    internal static class CallbackThread
    {
#if NETCOREAPP3_0_OR_GREATER
        internal static void Enter() { }
#else
        private const long DontManage = 1;
        private const BindingFlags Private = BindingFlags.Instance | BindingFlags.NonPublic;

        private static readonly FieldInfo Inner = Type.GetType("Mono.Runtime") == null
            ? null : typeof(Thread).GetField("internal_thread", Private);
        private static readonly FieldInfo Flags = Inner == null ? null : Inner.FieldType.GetField("flags", Private);

        [ThreadStatic]
        private static bool isEntered;

        [ThreadStatic]
        private static bool isNative;

        /// <summary>The first thing in each callback; once before, so that it is compiled when the first one comes.</summary>
        internal static void Enter()
        {
            if (Flags == null)
                return;
            try
            {
                if (!isEntered)
                    Attach();
                // The runtime that would run the rest is being taken down, and does not wait.
                if (isNative && Environment.HasShutdownStarted)
                    Thread.Sleep(Timeout.Infinite);
            }
            catch (Exception)
            {
                // Nothing may leave a callback. The program works, but does not end by itself.
            }
        }

        private static void Attach()
        {
            isEntered = true;
            isNative = !IsOfTheProgram();
            if (!isNative)
                return;
            object thread = Inner.GetValue(Thread.CurrentThread);
            long flags = ((IntPtr)Flags.GetValue(thread)).ToInt64();
            Flags.SetValue(thread, new IntPtr(flags | DontManage));
        }

        /// <summary>
        /// A key may sign, and a line be logged, in a call of the program's own: then the outermost method is not of this assembly.
        /// </summary>
        private static bool IsOfTheProgram()
        {
            var stack = new StackTrace();
            MethodBase outermost = stack.GetFrame(stack.FrameCount - 1).GetMethod();
            return outermost.DeclaringType.Assembly != typeof(CallbackThread).Assembly;
        }
#endif
    }
}
