using System;
using System.Diagnostics;

namespace TangoToken
{
    /// <summary>
    /// The headers of one request to the API. Pass it to <see cref="TangoClient.Observe"/> with the response.
    /// </summary>
    [DebuggerDisplay("{ToString(),nq}")]
    public sealed class Authorization : IDisposable
    {
        private readonly AuthorizationHandle handle;

        internal Authorization(AuthorizationHandle handle)
        {
            this.handle = handle;
        }

        internal AuthorizationHandle Handle { get { return handle; } }

        /// <summary>The value of the <c>Authorization</c> header, which is the type and the token: a secret.</summary>
        /// <exception cref="ObjectDisposedException">
        /// The authorization was disposed; every property throws it.
        /// </exception>
        [DebuggerBrowsable(DebuggerBrowsableState.Never)]
        public string Value { get { return Utf8.Borrow(handle, NativeMethods.tango_authorization_value); } }

        /// <summary>
        /// The value of the <c>DPoP</c> header (RFC 9449 section 4.1); <c>null</c> for a Bearer token.
        /// </summary>
        public string Dpop { get { return Utf8.Borrow(handle, NativeMethods.tango_authorization_dpop); } }

        /// <summary>Returns the type of the authorization, never the secret.</summary>
        public override string ToString()
        {
            if (handle.IsClosed)
                return "an authorization that was disposed";
            return Dpop == null ? "Bearer authorization" : "DPoP authorization";
        }

        /// <summary>Releases this handle. Can be called more than once.</summary>
        public void Dispose()
        {
            handle.Dispose();
        }
    }
}
