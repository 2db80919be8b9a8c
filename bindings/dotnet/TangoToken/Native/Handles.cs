using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace TangoToken
{
    /// <summary>
    /// Owns one object of the native library, and frees it exactly once: by Dispose or by the finalizer, and never
    /// while a call uses it. An instance always has an object.
    /// </summary>
    internal abstract class NativeHandle : SafeHandle
    {
        private static int live;

        protected NativeHandle(IntPtr owned) : base(IntPtr.Zero, true)
        {
            SetHandle(owned);
            Interlocked.Increment(ref live);
        }

        /// <summary>The number of objects that were not freed, for tests.</summary>
        internal static int Live { get { return Volatile.Read(ref live); } }

        public override bool IsInvalid { get { return handle == IntPtr.Zero; } }

        protected abstract void Free(IntPtr owned);

        protected override bool ReleaseHandle()
        {
            Free(handle);
            Interlocked.Decrement(ref live);
            return true;
        }
    }

    internal sealed class ConfigHandle : NativeHandle
    {
        internal ConfigHandle(IntPtr owned) : base(owned) { }

        protected override void Free(IntPtr owned) { NativeMethods.tango_config_free(owned); }
    }

    internal sealed class ClientHandle : NativeHandle
    {
        internal ClientHandle(IntPtr owned) : base(owned) { }

        protected override void Free(IntPtr owned) { NativeMethods.tango_client_free(owned); }
    }

    internal sealed class TokenHandle : NativeHandle
    {
        internal TokenHandle(IntPtr owned) : base(owned) { }

        protected override void Free(IntPtr owned) { NativeMethods.tango_token_free(owned); }
    }

    internal sealed class AuthorizationHandle : NativeHandle
    {
        internal AuthorizationHandle(IntPtr owned) : base(owned) { }

        protected override void Free(IntPtr owned) { NativeMethods.tango_authorization_free(owned); }
    }

    internal sealed class DpopKeyHandle : NativeHandle
    {
        internal DpopKeyHandle(IntPtr owned) : base(owned) { }

        protected override void Free(IntPtr owned) { NativeMethods.tango_dpop_key_free(owned); }
    }

    internal sealed class DpopProofHandle : NativeHandle
    {
        internal DpopProofHandle(IntPtr owned) : base(owned) { }

        protected override void Free(IntPtr owned) { NativeMethods.tango_dpop_proof_free(owned); }
    }

    internal sealed class RequestHandle : NativeHandle
    {
        internal RequestHandle(IntPtr owned) : base(owned) { }

        protected override void Free(IntPtr owned) { NativeMethods.tango_request_free(owned); }
    }

    internal sealed class ErrorHandle : NativeHandle
    {
        internal ErrorHandle(IntPtr owned) : base(owned) { }

        protected override void Free(IntPtr owned) { NativeMethods.tango_error_free(owned); }
    }
}
