using System;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace TangoToken
{
    /// <summary>
    /// Gets tokens for one set of credentials, and keeps the current one for every caller in the process.
    /// </summary>
    /// <remarks>
    /// Make one for each set of credentials and share it between threads. Everything that waits has a form that ends in
    /// <c>Async</c> and can be cancelled; nothing ever runs the program's code on the library's own thread, but for log lines,
    /// signers and caches of the program's own. Dispose ends this client; tokens stay readable, and requests under way end as they
    /// would have. A call after it gives <see cref="ObjectDisposedException"/>.
    /// </remarks>
    [DebuggerDisplay("TangoClient")]
    public sealed class TangoClient : IDisposable
    {
        private readonly ClientHandle handle;

        /// <summary>Makes a client. Reads the files that the options name; starts no thread and sends nothing.</summary>
        /// <param name="options">Are copied.</param>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.InvalidConfiguration"/> names everything that is missing or wrong;
        /// <see cref="TangoStatus.KeyRejected"/>: the DPoP key cannot be used.
        /// </exception>
        /// <exception cref="ArgumentException">A text has a NUL or half a surrogate pair in it.</exception>
        /// <exception cref="DllNotFoundException">
        /// The native library was not found, or has another ABI version; the message says what to do.
        /// </exception>
        public TangoClient(TangoClientOptions options)
        {
            if (options == null)
                throw new ArgumentNullException("options");
            using (ConfigHandle config = Configuration.From(options))
            {
                IntPtr client, error;
                NativeMethods.tango_client_new(config, out client, out error).OrThrow(error);
                handle = new ClientHandle(client);
            }
        }

        /// <summary>Makes a client from the <c>TANGO_*</c> environment variables.</summary>
        /// <exception cref="TangoTokenException">As for the constructor.</exception>
        public static TangoClient FromEnvironment()
        {
            return new TangoClient(TangoClientOptions.FromEnvironment());
        }

        /// <summary>
        /// Gets a valid token: at once where the client holds one, else after the one fetch that all callers share. Blocks for at
        /// most the total timeout.
        /// </summary>
        /// <returns>The token, which the caller owns and disposes.</returns>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoTokenException.Status"/> says why there is none; <see cref="TangoStatus.WouldBlock"/> inside a
        /// callback of the library, unless a token is held.
        /// </exception>
        public AccessToken Acquire()
        {
            IntPtr token, error;
            NativeMethods.tango_token_acquire(handle, out token, out error).OrThrow(error);
            return new AccessToken(new TokenHandle(token));
        }

        /// <summary>The same without blocking.</summary>
        /// <param name="cancellationToken">
        /// Ends the request, in the native library too. Others who wait for the same token are not disturbed, and neither is the fetch
        /// that they share. If the token is there first, the task brings it.
        /// </param>
        /// <returns>The token, which the caller owns and disposes.</returns>
        /// <exception cref="TangoTokenException">As for <see cref="Acquire"/>.</exception>
        /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
        public Task<AccessToken> AcquireAsync(CancellationToken cancellationToken = default(CancellationToken))
        {
            return AcquireOperation.Run(handle, cancellationToken);
        }

        /// <summary>
        /// Makes the headers of one call of the API: acquires a token if none is held, and a proof if it is bound to a key
        /// (RFC 9449 section 7). Blocks as <see cref="Acquire"/> does.
        /// </summary>
        /// <param name="method">The method as it is sent.</param>
        /// <param name="url">
        /// Where the request goes. An origin that is neither the API's nor was allowed is
        /// <see cref="TangoStatus.InvalidArgument"/>, so that no token is sent to a wrong host by mistake.
        /// </param>
        /// <returns>The headers, which the caller owns and disposes.</returns>
        /// <exception cref="TangoTokenException">As for <see cref="Acquire"/>.</exception>
        public Authorization Authorize(string method, string url)
        {
            IntPtr authorization, error;
            NativeMethods.tango_client_authorize(handle, Utf8.Encode(method), Utf8.Encode(url), out authorization, out error)
                .OrThrow(error);
            return new Authorization(new AuthorizationHandle(authorization));
        }

        /// <summary>The same without blocking; a key that stays elsewhere signs on the caller's thread or a pool's.</summary>
        /// <param name="method">The method as it is sent.</param>
        /// <param name="url">Where the request goes.</param>
        /// <param name="cancellationToken">Ends the waiting for a token.</param>
        /// <returns>The headers, which the caller owns and disposes.</returns>
        /// <exception cref="TangoTokenException">As for <see cref="Acquire"/>.</exception>
        /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
        public Task<Authorization> AuthorizeAsync(
            string method, string url, CancellationToken cancellationToken = default(CancellationToken))
        {
            return AfterToken(() => Authorize(method, url), cancellationToken);
        }

        /// <summary>
        /// Makes the headers for sending the same request once more, after <see cref="TangoVerdict.Retry"/>. Blocks as
        /// <see cref="Acquire"/> does.
        /// </summary>
        /// <param name="refused">The headers that were sent first. The caller still owns them.</param>
        /// <returns>The headers, which the caller owns and disposes.</returns>
        /// <exception cref="TangoTokenException">As for <see cref="Acquire"/>.</exception>
        public Authorization AuthorizeAgain(Authorization refused)
        {
            if (refused == null)
                throw new ArgumentNullException("refused");
            IntPtr again, error;
            NativeMethods.tango_client_authorize_again(handle, refused.Handle, out again, out error).OrThrow(error);
            return new Authorization(new AuthorizationHandle(again));
        }

        /// <summary>The same without blocking.</summary>
        /// <param name="refused">The headers that were sent first. The caller still owns them.</param>
        /// <param name="cancellationToken">Ends the waiting for a token.</param>
        /// <returns>The headers, which the caller owns and disposes.</returns>
        /// <exception cref="TangoTokenException">As for <see cref="Acquire"/>.</exception>
        /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
        public Task<Authorization> AuthorizeAgainAsync(
            Authorization refused, CancellationToken cancellationToken = default(CancellationToken))
        {
            if (refused == null)
                throw new ArgumentNullException("refused");
            return AfterToken(() => AuthorizeAgain(refused), cancellationToken);
        }

        /// <summary>
        /// Learns from the API's answer, and says whether to send the request once more: a nonce (RFC 9449 section 8.2), a clock or a
        /// token was learned. Call it for every answer, a successful one too.
        /// </summary>
        /// <param name="authorization">The headers that the request was sent with.</param>
        /// <param name="httpStatus">The status of the answer.</param>
        /// <param name="dpopNonce">Its <c>DPoP-Nonce</c>; <c>null</c> where there is none.</param>
        /// <param name="wwwAuthenticate">
        /// Its <c>WWW-Authenticate</c>, several joined by <c>, </c> (RFC 9110 section 5.3); <c>null</c> where there is none.
        /// </param>
        /// <param name="date">Its <c>Date</c>; <c>null</c> where there is none.</param>
        /// <returns>Whether the answer is the API's, or the request is to be sent once more.</returns>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.ProofRefused"/> and <see cref="TangoStatus.TokenRefused"/> say why to give up;
        /// <see cref="TangoStatus.InvalidArgument"/> for what is no HTTP status.
        /// </exception>
        public TangoVerdict Observe(
            Authorization authorization, int httpStatus, string dpopNonce, string wwwAuthenticate, string date)
        {
            if (authorization == null)
                throw new ArgumentNullException("authorization");
            int verdict;
            IntPtr error;
            NativeMethods.tango_client_observe(
                handle, authorization.Handle, httpStatus, Utf8.Encode(dpopNonce), Utf8.Encode(wwwAuthenticate), Utf8.Encode(date),
                out verdict, out error).OrThrow(error);
            return (TangoVerdict)verdict;
        }

        /// <summary>
        /// Drops the client's token if it is this one, because an API refused it with 401 and <c>invalid_token</c> (RFC 6750 section
        /// 3.1). The next acquire fetches another, which the server's daily limit may refuse: call it for that refusal only.
        /// <see cref="Observe"/> does it by itself.
        /// </summary>
        /// <param name="token">The refused token. The caller still owns it.</param>
        public void Invalidate(AccessToken token)
        {
            if (token == null)
                throw new ArgumentNullException("token");
            IntPtr error;
            NativeMethods.tango_client_invalidate(handle, token.Handle, out error).OrThrow(error);
        }

        /// <summary>
        /// Uses other credentials from now on: a new client id and secret, another service account, or both. The token that is held goes
        /// on being served until there is one for the new credentials.
        /// </summary>
        /// <param name="clientId">The client id; <c>null</c>, with the secret, leaves both as they are.</param>
        /// <param name="clientSecret">Its secret.</param>
        /// <param name="username">The service account; <c>null</c>, with the password, leaves both as they are.</param>
        /// <param name="password">Its password.</param>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.InvalidArgument"/>: one of a pair is missing.
        /// </exception>
        public void SetCredentials(
            string clientId = null, string clientSecret = null, string username = null, string password = null)
        {
            byte[] secret = null, word = null;
            try
            {
                secret = Utf8.Encode(clientSecret);
                word = Utf8.Encode(password);
                IntPtr error;
                NativeMethods.tango_client_set_credentials(
                    handle, Utf8.Encode(clientId), secret, Utf8.Encode(username), word, out error).OrThrow(error);
            }
            finally
            {
                Utf8.Erase(secret);
                Utf8.Erase(word);
            }
        }

        /// <summary>Ends this client. Can be called again.</summary>
        public void Dispose()
        {
            handle.Dispose();
        }

        // A call that needs a token does not block while one is held. Should an API refuse it in this very moment, the call waits
        // for the next one, for at most the total timeout.
        private async Task<Authorization> AfterToken(Func<Authorization> authorize, CancellationToken cancellationToken)
        {
            (await AcquireAsync(cancellationToken).ConfigureAwait(false)).Dispose();
            return authorize();
        }
    }
}
