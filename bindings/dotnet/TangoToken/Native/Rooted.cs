using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace TangoToken
{
    /// <summary>
    /// Objects that native code holds as <c>user_data</c>. They are not collected between Add and Remove.
    /// </summary>
    internal static class Rooted
    {
        private static int live;

        /// <summary>The number of such objects, for tests.</summary>
        internal static int Live { get { return Volatile.Read(ref live); } }

        internal static IntPtr Add(object held)
        {
            IntPtr userData = GCHandle.ToIntPtr(GCHandle.Alloc(held));
            Interlocked.Increment(ref live);
            return userData;
        }

        internal static T Get<T>(IntPtr userData)
        {
            return (T)GCHandle.FromIntPtr(userData).Target;
        }

        internal static T Remove<T>(IntPtr userData)
        {
            GCHandle handle = GCHandle.FromIntPtr(userData);
            var held = (T)handle.Target;
            handle.Free();
            Interlocked.Decrement(ref live);
            return held;
        }
    }
}
