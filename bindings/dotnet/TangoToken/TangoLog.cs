using System;

namespace TangoToken
{
    /// <summary>
    /// The log of the library, for the whole process: a new token, a retry, a refusal, a cache that cannot be used. Never a secret.
    /// </summary>
    public static class TangoLog
    {
        // Native code may call it until the process ends, so it is never collected.
        private static readonly LogCallback Callback = Receive;
        private static readonly object Gate = new object();
        private static volatile Action<TangoLogLevel, string> receiver;

        /// <summary>Sends the log to a function, in the place of the one before.</summary>
        /// <param name="maxLevel">The least important level that is wanted.</param>
        /// <param name="receive">
        /// Is given the level and the text of each line, on any thread, several at once. It must not wait for a token; what it throws
        /// is dropped. <c>null</c> ends the log.
        /// </param>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.InvalidArgument"/>: the level is unknown.
        /// </exception>
        public static void SendTo(TangoLogLevel maxLevel, Action<TangoLogLevel, string> receive)
        {
            NativeLibraryLoader.Load();
            lock (Gate)
            {
                Action<TangoLogLevel, string> before = receiver;
                receiver = receive; // First, so that no line of the new log is lost.
                IntPtr error;
                LogCallback callback = receive == null ? null : Callback;
                TangoStatus status = NativeMethods.tango_log_set_callback((int)maxLevel, callback, IntPtr.Zero, out error);
                if (status != TangoStatus.Ok)
                    receiver = before;
                status.OrThrow(error);
            }
        }

        private static void Receive(IntPtr userData, int level, IntPtr message)
        {
            CallbackThread.Enter();
            try
            {
                Action<TangoLogLevel, string> receive = receiver;
                if (receive != null)
                    receive((TangoLogLevel)level, Utf8.Decode(message));
            }
            catch (Exception)
            {
                // Nothing may leave a callback, and a log has nowhere to report to.
            }
        }
    }
}
