using System;

namespace TangoToken
{
    /// <summary>
    /// The library's log, for the whole process: new tokens, retries, refusals, an unavailable cache. It never contains
    /// a secret.
    /// </summary>
    public static class TangoLog
    {
        // Native code may call it until the process ends, so it must never be collected.
        private static readonly LogCallback Callback = Receive;
        private static readonly object Gate = new object();
        private static volatile Action<TangoLogLevel, string> receiver;

        /// <summary>Sends the log to a function, which replaces the earlier one.</summary>
        /// <param name="maxLevel">The most verbose level to send.</param>
        /// <param name="receive">
        /// Receives the level and the message of each record, one after the other, on the library's log thread. A slow
        /// one delays no call; while 1,000 records wait for it, further ones are dropped and counted. It must not wait
        /// for a token; its exceptions are ignored. <c>null</c> turns the log off. The earlier function first gets the
        /// records that wait for it, unless that takes longer than a second.
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
                // A first function is there before its first record; a later one comes after those of the earlier one.
                if (before == null)
                    receiver = receive;
                IntPtr error;
                LogCallback callback = receive == null ? null : Callback;
                TangoStatus status = NativeMethods.tango_log_set_callback((int)maxLevel, callback, IntPtr.Zero, out error);
                receiver = status == TangoStatus.Ok ? receive : before;
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
                // No exception may leave a callback, and a log cannot report its own failure.
            }
        }
    }
}
