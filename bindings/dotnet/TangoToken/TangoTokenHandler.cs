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
    /// The headers are on the request while it is sent and not afterwards, so that a log of requests holds no token. A request that
    /// comes with an <c>Authorization</c> of its own is sent as it is. A redirect that the inner handler follows is not learned
    /// from; <c>AllowAutoRedirect = false</c> is the better choice. The client is shared and not disposed with the handler.
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
            return Call(request, base.SendAsync, cancellationToken);
        }

#if NET5_0_OR_GREATER
        /// <inheritdoc/>
        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            return Call(request, (sent, token) => Task.FromResult(base.Send(sent, token)), cancellationToken).GetAwaiter().GetResult();
        }
#endif

        private async Task<HttpResponseMessage> Call(
            HttpRequestMessage request,
            Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send,
            CancellationToken cancellation)
        {
            if (request.Headers.Authorization != null)
                return await send(request, cancellation).ConfigureAwait(false);
            Uri uri = request.RequestUri;
            using (Authorization first = await client.AuthorizeAsync(request.Method.Method, uri.AbsoluteUri, cancellation)
                .ConfigureAwait(false))
            {
                HttpResponseMessage response = await SendWith(first, request, send, cancellation).ConfigureAwait(false);
                if (request.RequestUri != uri || Learn(first, response) == TangoVerdict.Done || !CanSendAgain(request.Content))
                    return response;
                response.Dispose();
                using (Authorization again = await client.AuthorizeAgainAsync(first, cancellation).ConfigureAwait(false))
                {
                    response = await SendWith(again, request, send, cancellation).ConfigureAwait(false);
                    if (request.RequestUri == uri)
                        Learn(again, response);
                    return response;
                }
            }
        }

        private static async Task<HttpResponseMessage> SendWith(
            Authorization authorization,
            HttpRequestMessage request,
            Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send,
            CancellationToken cancellation)
        {
            HttpRequestHeaders headers = request.Headers;
            headers.Authorization = AuthenticationHeaderValue.Parse(authorization.Value);
            headers.Remove(DpopHeader);
            string proof = authorization.Dpop;
            if (proof != null)
                headers.Add(DpopHeader, proof);
            try
            {
                return await send(request, cancellation).ConfigureAwait(false);
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
    }
}
