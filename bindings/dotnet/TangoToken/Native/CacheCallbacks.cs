using System;
using System.Runtime.InteropServices;

namespace TangoToken
{
    /// <summary>The callbacks of a custom cache.</summary>
    internal static class CacheCallbacks
    {
        private const int Failed = 2;

        // Native code may call them until the process ends, so they must never be collected.
        internal static readonly CacheLoad Load = LoadValue;
        internal static readonly CacheSave Save = SaveValue;
        internal static readonly CacheLock Lock = TakeLock;
        internal static readonly CacheUnlock Unlock = OpenLock;
        internal static readonly CacheRelease Release = Forget;

        private static int LoadValue(IntPtr userData, IntPtr name, IntPtr value, ref UIntPtr valueLength)
        {
            CallbackThread.Enter();
            try
            {
                byte[] found = Rooted.Get<ITangoCache>(userData).Load(Utf8.Decode(name)) ?? new byte[0];
                if ((ulong)found.Length > (ulong)valueLength)
                    throw new InvalidOperationException(Utf8.TooLong(found, valueLength));
                Marshal.Copy(found, 0, value, found.Length);
                valueLength = (UIntPtr)(uint)found.Length;
                return 0;
            }
            catch (Exception exception)
            {
                // No exception may leave a callback: the cache is unavailable, for this reason.
                NativeMethods.tango_callback_fail(Utf8.EncodeMessage(exception.Message));
                return Failed;
            }
        }

        private static int SaveValue(IntPtr userData, IntPtr name, IntPtr value, UIntPtr valueLength, ulong keepMs)
        {
            return Call(userData, cache =>
            {
                byte[] bytes = null;
                if (value != IntPtr.Zero)
                {
                    bytes = new byte[checked((int)valueLength)];
                    Marshal.Copy(value, bytes, 0, bytes.Length);
                }
                cache.Save(Utf8.Decode(name), bytes, Milliseconds(keepMs));
                return 0;
            });
        }

        private static int TakeLock(IntPtr userData, IntPtr name, IntPtr owner, ulong leaseMs)
        {
            return Call(userData, cache =>
                cache.TryLock(Utf8.Decode(name), Utf8.Decode(owner), Milliseconds(leaseMs)) ? 0 : 1);
        }

        private static int OpenLock(IntPtr userData, IntPtr name, IntPtr owner)
        {
            return Call(userData, cache =>
            {
                cache.Unlock(Utf8.Decode(name), Utf8.Decode(owner));
                return 0;
            });
        }

        private static int Call(IntPtr userData, Func<ITangoCache, int> call)
        {
            CallbackThread.Enter();
            try
            {
                return call(Rooted.Get<ITangoCache>(userData));
            }
            catch (Exception exception)
            {
                // No exception may leave a callback: the cache is unavailable, for this reason.
                NativeMethods.tango_callback_fail(Utf8.EncodeMessage(exception.Message));
                return Failed;
            }
        }

        private static void Forget(IntPtr userData)
        {
            CallbackThread.Enter();
            Rooted.Remove<ITangoCache>(userData);
        }

        private static TimeSpan Milliseconds(ulong ms)
        {
            return TimeSpan.FromMilliseconds(Math.Min(ms, int.MaxValue));
        }
    }
}
