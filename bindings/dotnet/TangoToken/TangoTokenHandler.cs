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
    /// Calls of the API with <see cref="HttpClient"/>: adds the headers, learns from every answer, and sends a request once more where
    /// that makes it succeed.
    /// </summary>
    /// <remarks>
    /// <para>
    /// A refusal that sending the request again would not change is thrown as a <see cref="TangoTokenException"/>, which says why;
    /// so is a URL whose origin may not get tokens. A request is sent once more only if its content can be: none, content in memory
    /// (<see cref="ByteArrayContent"/>, <see cref="StringContent"/>, <see cref="FormUrlEncodedContent"/>), parts of these, or JSON
    /// on current .NET. With other content the caller gets the 401, and the next request has what was learned.
    /// </para>
    /// <para>
    /// The headers are on the request while it is sent and not afterwards, so that a log written later holds no token; a handler
    /// further inside that logs headers has to leave out <c>Authorization</c> and <c>DPoP</c>. A request that comes with an
    /// <c>Authorization</c> of its own is sent as it is. A redirect that the inner handler follows is not learned from;
    /// <c>AllowAutoRedirect = false</c> is the better choice. The client is shared and not disposed with the handler.
    /// </para>
    /// </remarks>
    public sealed class TangoTokenHandler : DelegatingHandler
    {
        private const string DpopHeader = "DPoP";
        private readonly TangoClient client;

        /// <summary>A handler whose inner handler is set later, as an HTTP client factory does.</summary>
        /// <param name="client">Gives the tokens; shared by any number of handlers.</param>
        public TangoTokenHandler(TangoClient client)
        {
            if (client == null)
                throw new ArgumentNullException("client");
            this.client = client;
        }

        /// <summary>A handler for <c>new HttpClient(handler)</c>.</summary>
        /// <param name="client">Gives the tokens; shared by any number of handlers.</param>
        /// <param name="innerHandler">Sends the requests, such as an <see cref="HttpClientHandler"/>.</param>
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
        /// <summary>The same for the blocking calls of <see cref="HttpClient"/>. Waiting for a token cannot be cancelled here.</summary>
        /// <param name="request">The request.</param>
        /// <param name="cancellationToken">Ends the sending.</param>
        /// <returns>The answer.</returns>
        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var blocking = new Steps
            {
                Authorize = (method, url) => Task.FromResult(client.Authorize(method, url)),
                AuthorizeAgain = refused => Task.FromResult(client.AuthorizeAgain(refused)),
                Send = sent => Task.FromResult(base.Send(sent, cancellationToken)),
            };
            cancellationToken.ThrowIfCancellationRequested();
            // Has ended when it returns, as each of its steps has: no thread waits for another.
            return Call(request, blocking).GetAwaiter().GetResult();
        }
#endif

        private async Task<HttpResponseMessage> Call(HttpRequestMessage request, Steps steps)
        {
            if (request.Headers.Authorization != null)
                return await steps.Send(request).ConfigureAwait(false);
            Uri uri = request.RequestUri;
            using (Authorization first = await steps.Authorize(request.Method.Method, uri.AbsoluteUri).ConfigureAwait(false))
            {
                HttpResponseMessage response = await SendWith(first, request, steps).ConfigureAwait(false);
                if (request.RequestUri != uri || Learn(first, response) == TangoVerdict.Done || !CanSendAgain(request.Content))
                    return response;
                response.Dispose();
                using (Authorization again = await steps.AuthorizeAgain(first).ConfigureAwait(false))
                {
                    response = await SendWith(again, request, steps).ConfigureAwait(false);
                    if (request.RequestUri == uri)
                        Learn(again, response);
                    return response;
                }
            }
        }

        private static async Task<HttpResponseMessage> SendWith(Authorization authorization, HttpRequestMessage request, Steps steps)
        {
            HttpRequestHeaders headers = request.Headers;
            headers.Authorization = AuthenticationHeaderValue.Parse(authorization.Value);
            headers.Remove(DpopHeader);
            string proof = authorization.Dpop;
            if (proof != null)
                headers.Add(DpopHeader, proof);
            try
            {
                return await steps.Send(request).ConfigureAwait(false);
            }
            finally
            {
                headers.Authorization = null;
                headers.Remove(DpopHeader);
            }
        }

        /// <summary>Observes an answer, and ends one that is given up.</summary>
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

        /// <summary>What blocks in a blocking call, and does not in an asynchronous one.</summary>
        private sealed class Steps
        {
            internal Func<string, string, Task<Authorization>> Authorize;
            internal Func<Authorization, Task<Authorization>> AuthorizeAgain;
            internal Func<HttpRequestMessage, Task<HttpResponseMessage>> Send;
        }
    }
}
