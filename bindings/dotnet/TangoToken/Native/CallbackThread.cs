using System;
using System.Threading;
#if !NETCOREAPP3_0_OR_GREATER
using System.Diagnostics;
using System.Reflection;
#endif

namespace TangoToken
{
    /// <summary>
    /// Lets a Mono program exit although a thread of the library has run managed code. CoreCLR does not need it, and
    /// the build for current .NET does not contain it.
    ///
    /// Mono attaches such a thread until the thread ends. When the program exits, Mono aborts every attached thread
    /// (after Main) or suspends it (Environment.Exit), and waits until the thread reacts, which it does in managed code
    /// only. A thread that waits for the network in native code never reacts, and the program never exits. Mono skips
    /// threads that it does not manage, such as its own native ones; that is a bit of the thread's flags, which has no
    /// public setter.
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

        /// <summary>
        /// Has to be called first in each callback, and once earlier, so that it is compiled before the first callback.
        /// </summary>
        internal static void Enter()
        {
            if (Flags == null)
                return;
            try
            {
                if (!isEntered)
                    Attach();
                // The runtime is shutting down, and cannot run the rest of the callback.
                if (isNative && Environment.HasShutdownStarted)
                    Thread.Sleep(Timeout.Infinite);
            }
            catch (Exception)
            {
                // No exception may leave a callback. The program works, but does not exit by itself.
            }
        }

        private static void Attach()
        {
            isEntered = true;
            isNative = !IsThreadOfTheProgram();
            if (!isNative)
                return;
            object thread = Inner.GetValue(Thread.CurrentThread);
            long flags = ((IntPtr)Flags.GetValue(thread)).ToInt64();
            Flags.SetValue(thread, new IntPtr(flags | DontManage));
        }

        /// <summary>
        /// Returns whether the program called the library on this thread, which then runs a callback, for example to
        /// sign. The outermost method of the stack then is not in this assembly.
        /// </summary>
        private static bool IsThreadOfTheProgram()
        {
            var stack = new StackTrace();
            MethodBase outermost = stack.GetFrame(stack.FrameCount - 1).GetMethod();
            return outermost.DeclaringType.Assembly != typeof(CallbackThread).Assembly;
        }
#endif
    }
}
