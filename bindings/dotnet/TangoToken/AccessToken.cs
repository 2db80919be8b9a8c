using System;
using System.Diagnostics;

namespace TangoToken
{
    /// <summary>
    /// An access token of a service account (RFC 6749 section 1.4). It stays readable when its client is gone or its life is over.
    /// </summary>
    /// <remarks>
    /// Safe for use by many threads. Dispose ends this handle at once, and the native copy of the secret with the last one;
    /// an instance that is not disposed is ended by the garbage collector.
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
        /// The text that goes behind the type in an <c>Authorization</c> header: a secret. Each reading makes a string, which .NET
        /// does not erase.
        /// </summary>
        /// <exception cref="ObjectDisposedException">The token was disposed; so for every property.</exception>
        [DebuggerBrowsable(DebuggerBrowsableState.Never)]
        public string Value { get { return Utf8.Borrow(handle, NativeMethods.tango_token_value); } }

        /// <summary>
        /// How the token is presented to the API: <c>Bearer</c> (RFC 6750), or <c>DPoP</c> with a proof made with its key
        /// (RFC 9449 section 7.1).
        /// </summary>
        public string TokenType { get { return Utf8.Borrow(handle, NativeMethods.tango_token_type); } }

        /// <summary>The scope that the server granted (RFC 6749 section 3.3).</summary>
        public string Scope { get { return Utf8.Borrow(handle, NativeMethods.tango_token_scope); } }

        /// <summary>How long the token is good for, from now, in whole seconds; zero once it has expired.</summary>
        public TimeSpan ExpiresIn
        {
            get { return TimeSpan.FromSeconds(NativeMethods.tango_token_expires_in_seconds(handle)); }
        }

        /// <summary>Another handle of the key that the token is bound to, which the caller disposes.</summary>
        /// <returns>The key; <c>null</c> for a Bearer token.</returns>
        public DpopKey GetDpopKey()
        {
            IntPtr key = NativeMethods.tango_token_dpop_key(handle);
            return key == IntPtr.Zero ? null : new DpopKey(new DpopKeyHandle(key));
        }

        /// <summary>The type and the scope; never the secret.</summary>
        public override string ToString()
        {
            return handle.IsClosed ? "a token that was disposed" : TokenType + " token for " + Scope;
        }

        /// <summary>Ends this handle. Can be called again.</summary>
        public void Dispose()
        {
            handle.Dispose();
        }
    }
}
