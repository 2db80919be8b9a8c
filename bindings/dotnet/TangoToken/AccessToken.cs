using System;
using System.Diagnostics;

namespace TangoToken
{
    /// <summary>
    /// An access token of a service account (RFC 6749 section 1.4). It stays readable after it has expired and after
    /// its client was disposed.
    /// </summary>
    /// <remarks>
    /// Thread-safe. Dispose releases this handle; the native copy of the secret is erased with the last handle. The
    /// garbage collector releases an instance that was not disposed.
    /// </remarks>
    [DebuggerDisplay("{ToString(),nq}")]
    public sealed class AccessToken : IDisposable
    {
        private readonly TokenHandle handle;

        internal AccessToken(TokenHandle handle)
        {
            this.handle = handle;
        }

        internal TokenHandle Handle { get { return handle; } }

        /// <summary>
        /// The token itself, which follows the type in an <c>Authorization</c> header: a secret. Each call creates a
        /// string, which .NET does not erase.
        /// </summary>
        /// <exception cref="ObjectDisposedException">The token was disposed; every property throws it.</exception>
        [DebuggerBrowsable(DebuggerBrowsableState.Never)]
        public string Value { get { return Utf8.Borrow(handle, NativeMethods.tango_token_value); } }

        /// <summary>
        /// The scheme of the <c>Authorization</c> header: <c>Bearer</c> (RFC 6750), or <c>DPoP</c> together with a
        /// proof (RFC 9449 section 7.1).
        /// </summary>
        public string TokenType { get { return Utf8.Borrow(handle, NativeMethods.tango_token_type); } }

        /// <summary>The scope that the server granted (RFC 6749 section 3.3).</summary>
        public string Scope { get { return Utf8.Borrow(handle, NativeMethods.tango_token_scope); } }

        /// <summary>The remaining lifetime in whole seconds; zero once the token has expired.</summary>
        public TimeSpan ExpiresIn
        {
            get { return TimeSpan.FromSeconds(NativeMethods.tango_token_expires_in_seconds(handle)); }
        }

        /// <summary>Returns the key that the token is bound to.</summary>
        /// <returns>The key, which the caller disposes; <c>null</c> for a Bearer token.</returns>
        public DpopKey GetDpopKey()
        {
            IntPtr key = NativeMethods.tango_token_dpop_key(handle);
            return key == IntPtr.Zero ? null : new DpopKey(new DpopKeyHandle(key));
        }

        /// <summary>Returns the type and the scope, never the secret.</summary>
        public override string ToString()
        {
            return handle.IsClosed ? "a token that was disposed" : TokenType + " token for " + Scope;
        }

        /// <summary>Releases this handle. Can be called more than once.</summary>
        public void Dispose()
        {
            handle.Dispose();
        }
    }
}
