using System;
using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Threading;
using System.Threading.Tasks;

namespace TangoToken
{
    /// <summary>
    /// Calls the API with <see cref="HttpClient"/>: adds the headers, learns from every response, and sends a request again
    /// where that helps.
    /// </summary>
    /// <remarks>
    /// <para>
    /// Another request helps after a new nonce, a corrected clock or a rejected token: usually once, more often only while
    /// other requests use up the nonces. A refusal that it would not change is thrown as a
    /// <see cref="TangoTokenException"/>, and so is a URL whose origin must not receive tokens. A request is sent again
    /// only if its content can be: none, content in memory
    /// (<see cref="ByteArrayContent"/>, <see cref="StringContent"/>, <see cref="FormUrlEncodedContent"/>), multipart
    /// content of these, or JSON content on current .NET. Otherwise the caller gets the 401, and the next request uses
    /// what was learned.
    /// </para>
    /// <para>
    /// The headers are removed from the request after it was sent, so that later logs contain no token; an inner
    /// handler that logs headers has to leave out <c>Authorization</c> and <c>DPoP</c>. A request that has an
    /// <c>Authorization</c> header already is sent unchanged. <see cref="TangoClientOptions.CaFile"/> is for the token
    /// endpoint alone; the inner handler has its own settings for TLS. Disposing the handler does not dispose the client.
    /// </para>
    /// <para>
    /// The caller gets redirects, and sends another request to follow one: a proof is for one URL, and an
    /// <see cref="HttpClientHandler"/> that follows a redirect sends the <c>DPoP</c> header to the next one, whatever its
    /// host. So <c>AllowAutoRedirect</c> is switched off in the handler that sends the requests, if that is an
    /// <see cref="HttpClientHandler"/> (on current .NET also a <c>SocketsHttpHandler</c>); switch it off in any other. If it
    /// is on and cannot be changed any more, because the handler was used before, a bound token is not sent.
    /// </para>
    /// </remarks>
    public sealed class TangoTokenHandler : DelegatingHandler
    {
        private const string DpopHeader = "DPoP";
        private readonly TangoClient client;

        /// <summary>
        /// Creates a handler whose inner handler is set later, for example by an HTTP client factory.
        /// </summary>
        /// <param name="client">Provides the tokens. Any number of handlers may share it.</param>
        public TangoTokenHandler(TangoClient client)
        {
            if (client == null)
                throw new ArgumentNullException("client");
            this.client = client;
        }

        /// <summary>Creates a handler for <c>new HttpClient(handler)</c>.</summary>
        /// <param name="client">Provides the tokens. Any number of handlers may share it.</param>
        /// <param name="innerHandler">
        /// The handler that sends the requests, such as an <see cref="HttpClientHandler"/>.
        /// </param>
        public TangoTokenHandler(TangoClient client, HttpMessageHandler innerHandler) : this(client)
        {
            InnerHandler = innerHandler;
        }

        /// <inheritdoc/>
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var asynchronous = new Steps
            {
                Authorize = (method, url) => client.AuthorizeAsync(method, url, cancellationToken),
                AuthorizeAgain = refused => client.AuthorizeAgainAsync(refused, cancellationToken),
                Send = sent => base.SendAsync(sent, cancellationToken),
            };
            return Call(request, asynchronous);
        }

#if NET5_0_OR_GREATER
        /// <summary>
        /// Serves the blocking calls of <see cref="HttpClient"/>. The wait for a token cannot be cancelled here.
        /// </summary>
        /// <param name="request">The request.</param>
        /// <param name="cancellationToken">Cancels the request.</param>
        /// <returns>The response.</returns>
        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var blocking = new Steps
            {
                Authorize = (method, url) => Task.FromResult(client.Authorize(method, url)),
                AuthorizeAgain = refused => Task.FromResult(client.AuthorizeAgain(refused)),
                Send = sent => Task.FromResult(base.Send(sent, cancellationToken)),
            };
            cancellationToken.ThrowIfCancellationRequested();
            // Each step is complete when it returns, so no thread waits for another one here.
            return Call(request, blocking).GetAwaiter().GetResult();
        }
#endif

        private async Task<HttpResponseMessage> Call(HttpRequestMessage request, Steps steps)
        {
            if (request.Headers.Authorization != null)
                return await steps.Send(request).ConfigureAwait(false);
            bool redirects = Redirects.FollowedBy(InnerHandler);
            Uri uri = request.RequestUri;
            Authorization authorization = await steps.Authorize(request.Method.Method, uri.AbsoluteUri).ConfigureAwait(false);
            try
            {
                if (redirects && authorization.Dpop != null)
                    throw new InvalidOperationException(Redirects.NotSwitchedOff);
                while (true)
                {
                    Exchange sent = await SendWith(authorization, request, steps).ConfigureAwait(false);
                    HttpResponseMessage response = sent.Response;
                    if (sent.IsRedirected || Learn(authorization, response) == TangoVerdict.Done || !CanSendAgain(request.Content))
                        return response;
                    response.Dispose();
                    Authorization again = await steps.AuthorizeAgain(authorization).ConfigureAwait(false);
                    authorization.Dispose();
                    authorization = again;
                }
            }
            finally
            {
                authorization.Dispose();
            }
        }

        private static async Task<Exchange> SendWith(Authorization authorization, HttpRequestMessage request, Steps steps)
        {
            HttpRequestHeaders headers = request.Headers;
            AuthenticationHeaderValue value = AuthenticationHeaderValue.Parse(authorization.Value);
            Uri uri = request.RequestUri;
            headers.Authorization = value;
            headers.Remove(DpopHeader);
            string proof = authorization.Dpop;
            if (proof != null)
                headers.Add(DpopHeader, proof);
            try
            {
                HttpResponseMessage response = await steps.Send(request).ConfigureAwait(false);
                // A handler that follows a redirect changes the request: it removes this header at least.
                bool isRedirected = request.RequestUri != uri || !value.Equals(headers.Authorization);
                return new Exchange { Response = response, IsRedirected = isRedirected };
            }
            finally
            {
                headers.Authorization = null;
                headers.Remove(DpopHeader);
            }
        }

        /// <summary>Observes a response, and disposes it if that throws.</summary>
        private TangoVerdict Learn(Authorization authorization, HttpResponseMessage response)
        {
            try
            {
                HttpResponseHeaders headers = response.Headers;
                return client.Observe(
                    authorization, (int)response.StatusCode, Joined(headers, "DPoP-Nonce"), Joined(headers, "WWW-Authenticate"),
                    Joined(headers, "Date"));
            }
            catch
            {
                response.Dispose();
                throw;
            }
        }

        private static string Joined(HttpResponseHeaders headers, string name)
        {
            IEnumerable<string> values;
            return headers.TryGetValues(name, out values) ? string.Join(", ", values) : null;
        }

        private static bool CanSendAgain(HttpContent content)
        {
            var parts = content as MultipartContent;
            if (parts != null)
                return parts.All(CanSendAgain);
#if NET5_0_OR_GREATER
            if (content is System.Net.Http.Json.JsonContent)
                return true;
#endif
            return content == null || content is ByteArrayContent;
        }

        /// <summary>A response, and whether it belongs to another request, which had no token.</summary>
        private struct Exchange
        {
            internal HttpResponseMessage Response;
            internal bool IsRedirected;
        }

        /// <summary>The steps that block in a blocking call and do not in an asynchronous one.</summary>
        private sealed class Steps
        {
            internal Func<string, string, Task<Authorization>> Authorize;
            internal Func<Authorization, Task<Authorization>> AuthorizeAgain;
            internal Func<HttpRequestMessage, Task<HttpResponseMessage>> Send;
        }
    }
}
