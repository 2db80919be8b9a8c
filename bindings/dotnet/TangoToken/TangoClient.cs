using System;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace TangoToken
{
    /// <summary>
    /// Gets tokens for one set of credentials, and keeps the current one for all callers in the process.
    /// </summary>
    /// <remarks>
    /// Create one client for each set of credentials and share it between threads. Each method that waits has a variant
    /// that ends in <c>Async</c> and can be cancelled. Only log receivers, custom signers and custom caches run on the
    /// library's threads. After Dispose, calls throw <see cref="ObjectDisposedException"/>; tokens stay readable, and
    /// pending requests still complete.
    /// </remarks>
    [DebuggerDisplay("TangoClient")]
    public sealed class TangoClient : IDisposable
    {
        private readonly ClientHandle handle;

        /// <summary>
        /// Creates a client. Reads the files that the options name, starts no thread and sends nothing.
        /// </summary>
        /// <param name="options">The options, which are copied.</param>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.InvalidConfiguration"/>: settings are missing or wrong; the message names all of
        /// them. <see cref="TangoStatus.KeyRejected"/>: the DPoP key cannot be used.
        /// </exception>
        /// <exception cref="ArgumentException">A string contains a NUL or half a surrogate pair.</exception>
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

        /// <summary>Creates a client from the <c>TANGO_*</c> environment variables.</summary>
        /// <exception cref="TangoTokenException">See the constructor.</exception>
        public static TangoClient FromEnvironment()
        {
            return new TangoClient(TangoClientOptions.FromEnvironment());
        }

        /// <summary>
        /// Returns a valid token: at once if the client holds one, otherwise after one fetch that all callers share.
        /// Blocks for the total timeout at most.
        /// </summary>
        /// <returns>The token, which the caller disposes.</returns>
        /// <exception cref="TangoTokenException">
        /// There is no token; <see cref="TangoTokenException.Status"/> says why. <see cref="TangoStatus.WouldBlock"/>:
        /// the call comes from a callback of the library, which must not wait.
        /// </exception>
        public AccessToken Acquire()
        {
            IntPtr token, error;
            NativeMethods.tango_token_acquire(handle, out token, out error).OrThrow(error);
            return new AccessToken(new TokenHandle(token));
        }

        /// <summary>Returns a valid token as <see cref="Acquire"/> does, without blocking.</summary>
        /// <param name="cancellationToken">
        /// Cancels the request, in the native library too. It does not affect other callers or the fetch that they
        /// share. If the token arrives before the cancellation, the task returns the token.
        /// </param>
        /// <returns>The token, which the caller disposes.</returns>
        /// <exception cref="TangoTokenException">See <see cref="Acquire"/>.</exception>
        /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
        public Task<AccessToken> AcquireAsync(CancellationToken cancellationToken = default(CancellationToken))
        {
            return AcquireOperation.Run(handle, cancellationToken);
        }

        /// <summary>
        /// Returns the headers of one API call: acquires a token, and makes a proof if the token is bound to a key (RFC
        /// 9449 section 7). Blocks as <see cref="Acquire"/> does.
        /// </summary>
        /// <param name="method">The HTTP method, exactly as it is sent.</param>
        /// <param name="url">
        /// The URL of the request. Its origin has to be the API's or one of
        /// <see cref="TangoClientOptions.AllowedOrigins"/>; another one is an
        /// <see cref="TangoStatus.InvalidArgument"/>, so that no token reaches a wrong host by mistake.
        /// </param>
        /// <returns>The headers, which the caller disposes.</returns>
        /// <exception cref="TangoTokenException">See <see cref="Acquire"/>.</exception>
        public Authorization Authorize(string method, string url)
        {
            IntPtr authorization, error;
            NativeMethods.tango_client_authorize(handle, Utf8.Encode(method, "method"), Utf8.Encode(url, "url"), out authorization, out error)
                .OrThrow(error);
            return new Authorization(new AuthorizationHandle(authorization));
        }

        /// <summary>
        /// Returns the headers as <see cref="Authorize"/> does, without blocking. A custom signer runs on the caller's
        /// thread or on a thread of the pool.
        /// </summary>
        /// <param name="method">The HTTP method, exactly as it is sent.</param>
        /// <param name="url">The URL of the request.</param>
        /// <param name="cancellationToken">Cancels the wait for a token.</param>
        /// <returns>The headers, which the caller disposes.</returns>
        /// <exception cref="TangoTokenException">See <see cref="Acquire"/>.</exception>
        /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
        public Task<Authorization> AuthorizeAsync(
            string method, string url, CancellationToken cancellationToken = default(CancellationToken))
        {
            return AfterToken(() => Authorize(method, url), cancellationToken);
        }

        /// <summary>
        /// Returns the headers for sending the same request again, after <see cref="TangoVerdict.Retry"/>.
        /// Blocks as <see cref="Acquire"/> does.
        /// </summary>
        /// <param name="refused">The headers that were sent first. The caller still disposes them.</param>
        /// <returns>The headers, which the caller disposes.</returns>
        /// <exception cref="TangoTokenException">See <see cref="Acquire"/>.</exception>
        public Authorization AuthorizeAgain(Authorization refused)
        {
            if (refused == null)
                throw new ArgumentNullException("refused");
            IntPtr again, error;
            NativeMethods.tango_client_authorize_again(handle, refused.Handle, out again, out error).OrThrow(error);
            return new Authorization(new AuthorizationHandle(again));
        }

        /// <summary>Returns the headers as <see cref="AuthorizeAgain"/> does, without blocking.</summary>
        /// <param name="refused">The headers that were sent first. The caller still disposes them.</param>
        /// <param name="cancellationToken">Cancels the wait for a token.</param>
        /// <returns>The headers, which the caller disposes.</returns>
        /// <exception cref="TangoTokenException">See <see cref="Acquire"/>.</exception>
        /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
        public Task<Authorization> AuthorizeAgainAsync(
            Authorization refused, CancellationToken cancellationToken = default(CancellationToken))
        {
            if (refused == null)
                throw new ArgumentNullException("refused");
            return AfterToken(() => AuthorizeAgain(refused), cancellationToken);
        }

        /// <summary>
        /// Learns from a response of the API (nonces of RFC 9449 section 8.2, the API's clock, a rejected token), and
        /// says whether to send the request again. Call it for every response, including successful ones, and go on while
        /// it returns <see cref="TangoVerdict.Retry"/>: that ends, usually after one retry.
        /// </summary>
        /// <param name="authorization">The headers that the request was sent with.</param>
        /// <param name="httpStatus">
        /// The status of the response. One that HTTP does not have is the program's concern: there is nothing to send again.
        /// </param>
        /// <param name="dpopNonce">Its <c>DPoP-Nonce</c> header; <c>null</c> if it has none.</param>
        /// <param name="wwwAuthenticate">
        /// Its <c>WWW-Authenticate</c> headers, joined by <c>, </c> (RFC 9110 section 5.3); <c>null</c> if it has none.
        /// </param>
        /// <param name="date">Its <c>Date</c> header; <c>null</c> if it has none.</param>
        /// <returns>Whether the request is done, or should be sent again.</returns>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.ProofRefused"/> or <see cref="TangoStatus.TokenRefused"/>: the next request would be
        /// refused as well; the message says why.
        /// </exception>
        public TangoVerdict Observe(
            Authorization authorization, int httpStatus, string dpopNonce, string wwwAuthenticate, string date)
        {
            if (authorization == null)
                throw new ArgumentNullException("authorization");
            int verdict;
            IntPtr error;
            NativeMethods.tango_client_observe(
                handle, authorization.Handle, httpStatus, Utf8.Encode(dpopNonce, "dpopNonce"), Utf8.Encode(wwwAuthenticate, "wwwAuthenticate"), Utf8.Encode(date, "date"),
                out verdict, out error).OrThrow(error);
            return (TangoVerdict)verdict;
        }

        /// <summary>
        /// Marks a token as suspect, because the API rejected it with 401 and <c>invalid_token</c> (RFC 6750 section
        /// 3.1). The next call requests one replacement. While there can be none, because the server's daily quota
        /// refuses it or the token is itself a replacement, the suspect token is served again. <see cref="Observe"/>
        /// calls this where it is needed.
        /// </summary>
        /// <param name="token">The rejected token. The caller still disposes it.</param>
        public void Invalidate(AccessToken token)
        {
            if (token == null)
                throw new ArgumentNullException("token");
            IntPtr error;
            NativeMethods.tango_client_invalidate(handle, token.Handle, out error).OrThrow(error);
        }

        /// <summary>
        /// Changes the credentials: the client ID and secret, the service account, or both. The next call starts to
        /// fetch a token for the new credentials in the background; until it arrives, the client serves the current
        /// token.
        /// </summary>
        /// <param name="clientId">The client ID; <c>null</c>, together with the secret, leaves both unchanged.</param>
        /// <param name="clientSecret">The client secret.</param>
        /// <param name="username">
        /// The service account; <c>null</c>, together with the password, leaves both unchanged.
        /// </param>
        /// <param name="password">The service account's password.</param>
        /// <exception cref="TangoTokenException">
        /// <see cref="TangoStatus.InvalidArgument"/>: one of a pair is missing.
        /// </exception>
        public void SetCredentials(
            string clientId = null, string clientSecret = null, string username = null, string password = null)
        {
            byte[] secret = null, word = null;
            try
            {
                secret = Utf8.Encode(clientSecret, "clientSecret");
                word = Utf8.Encode(password, "password");
                IntPtr error;
                NativeMethods.tango_client_set_credentials(
                    handle, Utf8.Encode(clientId, "clientId"), secret, Utf8.Encode(username, "username"), word, out error).OrThrow(error);
            }
            finally
            {
                Utf8.Erase(secret);
                Utf8.Erase(word);
            }
        }

        /// <summary>Closes this client. Can be called more than once.</summary>
        public void Dispose()
        {
            handle.Dispose();
        }

        // Authorize does not block while a token is held. If the API rejects that token at this very moment, Authorize
        // waits for the next one, for the total timeout at most.
        private async Task<Authorization> AfterToken(Func<Authorization> authorize, CancellationToken cancellationToken)
        {
            (await AcquireAsync(cancellationToken).ConfigureAwait(false)).Dispose();
            return authorize();
        }
    }
}
