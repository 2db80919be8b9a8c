using System;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace TangoToken.Tests
{
    /// <summary>HttpClient with the handler, against an API on loopback. The token comes from the sandbox over TLS.</summary>
    public static class HandlerTests
    {
        private const string NonceChallenge = "WWW-Authenticate: DPoP error=\"use_dpop_nonce\", error_description=\"a, b\", algs=\"ES256\"";
        private const string RejectedToken = "WWW-Authenticate: Bearer error=\"invalid_token\"";

        [Test]
        public static async Task Bearer_token_is_removed_from_the_request_after_sending()
        {
            using (var fixture = new Fixture(DpopMode.Off, request => TinyApi.Response("200 OK", "hello")))
            {
                var message = new HttpRequestMessage(HttpMethod.Get, fixture.Api.Url + "accounts?page=1");
                message.Headers.Add("X-Mine", "kept");
                using (HttpResponseMessage response = await fixture.Http.SendAsync(message))
                {
                    Check.Equal("hello", await response.Content.ReadAsStringAsync());
                    ApiRequest request = fixture.Api.Requests.Single();
                    Check.Equal("Bearer " + fixture.Token(), request.Header("Authorization"));
                    Check.Equal("kept", request.Header("X-Mine"));
                    Check.Equal(null, request.Header("DPoP"));
                    Check.ContainsNot(fixture.Token(), message + response.ToString() + response.RequestMessage);
                    Check.Equal("kept", message.Headers.GetValues("X-Mine").Single());
                }
            }
        }

        [Test]
        public static async Task Nonce_is_learned_from_a_challenge_and_from_every_response()
        {
            using (var fixture = new Fixture(DpopMode.Required, request =>
                request.Proof.Contains("\"nonce\":\"n1\"") ? TinyApi.Response("200 OK", "hello", "DPoP-Nonce: n2")
                : request.Proof.Contains("\"nonce\":\"n2\"") ? TinyApi.Response("200 OK", "again")
                : TinyApi.Response("401 Unauthorized", "", NonceChallenge, "DPoP-Nonce: n1")))
            {
                Check.Equal("hello", await fixture.Http.GetStringAsync(fixture.Api.Url + "accounts"));
                Check.Equal(2, fixture.Api.Requests.Count);
                Check.Equal("again", await fixture.Http.GetStringAsync(fixture.Api.Url + "accounts"));
                Check.Equal(3, fixture.Api.Requests.Count);
                foreach (ApiRequest request in fixture.Api.Requests)
                {
                    Check.Equal("DPoP " + fixture.Token(), request.Header("Authorization"));
                    Check.Contains("\"htm\":\"GET\"", request.Proof);
                    Check.Contains("\"htu\":\"" + fixture.Api.Url + "accounts\"", request.Proof);
                }
                Check.Equal(3, fixture.Api.Requests.Select(request => request.Header("DPoP")).Distinct().Count());
            }
        }

        [Test]
        public static async Task Content_in_memory_is_sent_again()
        {
            using (var fixture = new Fixture(DpopMode.Required, WantsNonce))
            {
                var content = new StringContent("{\"amount\": 1}", Encoding.UTF8, "application/json");
                using (HttpResponseMessage response = await fixture.Http.PostAsync(fixture.Api.Url + "orders", content))
                    Check.Equal(HttpStatusCode.OK, response.StatusCode);
                Check.Equal("{\"amount\": 1}|{\"amount\": 1}", string.Join("|", fixture.Api.Requests.Select(request => request.Body)));

                fixture.Client.Observe(fixture.Client.Authorize("GET", fixture.Api.Url), 200, "stale", null, null);
                var parts = new MultipartFormDataContent("line") { { new StringContent("one"), "first" } };
                using (HttpResponseMessage response = await fixture.Http.PostAsync(fixture.Api.Url + "orders", parts))
                    Check.Equal(HttpStatusCode.OK, response.StatusCode);
                Check.Equal(4, fixture.Api.Requests.Count);
                Check.Equal(fixture.Api.Requests[2].Body, fixture.Api.Requests[3].Body);
            }
        }

#if NET5_0_OR_GREATER
        [Test]
        public static void Blocking_call_has_headers_and_is_sent_again()
        {
            using (var fixture = new Fixture(DpopMode.Required, WantsNonce))
            using (var message = new HttpRequestMessage(HttpMethod.Post, fixture.Api.Url + "orders"))
            {
                message.Content = System.Net.Http.Json.JsonContent.Create(new[] { 1, 2 });
                using (HttpResponseMessage response = fixture.Http.Send(message))
                    Check.Equal(HttpStatusCode.OK, response.StatusCode);
                Check.Equal("[1,2]|[1,2]", string.Join("|", fixture.Api.Requests.Select(request => request.Body)));
                Check.Throws<OperationCanceledException>(() => fixture.Http.Send(
                    new HttpRequestMessage(HttpMethod.Get, fixture.Api.Url), new CancellationToken(true)));
                Check.Equal(2, fixture.Api.Requests.Count);
            }
        }
#endif

        [Test]
        public static async Task Stream_is_not_sent_again_and_the_next_request_has_the_nonce()
        {
            using (var fixture = new Fixture(DpopMode.Required, WantsNonce))
            {
                Func<HttpContent> stream = () => new StreamContent(new MemoryStream(Encoding.ASCII.GetBytes("once")));
                using (HttpResponseMessage response = await fixture.Http.PostAsync(fixture.Api.Url + "orders", stream()))
                {
                    Check.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
                    Check.Equal("nonce, please", await response.Content.ReadAsStringAsync());
                }
                using (HttpResponseMessage response = await fixture.Http.PostAsync(fixture.Api.Url + "orders", stream()))
                    Check.Equal(HttpStatusCode.OK, response.StatusCode);
                Check.Equal("once|once", string.Join("|", fixture.Api.Requests.Select(request => request.Body)));
            }
        }

        [Test]
        public static async Task Request_is_sent_at_most_twice()
        {
            int nonce = 0;
            using (var fixture = new Fixture(DpopMode.Required, request =>
                TinyApi.Response("401 Unauthorized", "", NonceChallenge, "DPoP-Nonce: n" + Interlocked.Increment(ref nonce))))
            {
                await Check.FailsAsync(TangoStatus.ProofRefused, () => fixture.Http.GetAsync(fixture.Api.Url));
                Check.Equal(2, fixture.Api.Requests.Count);
            }
        }

        [Test]
        public static async Task Rejected_token_is_replaced_once()
        {
            int refusals = 1;
            using (var fixture = new Fixture(DpopMode.Off, request =>
                Interlocked.Decrement(ref refusals) >= 0
                    ? TinyApi.Response("401 Unauthorized", "", RejectedToken) : TinyApi.Response("200 OK", "hello")))
            {
                Check.Equal("hello", await fixture.Http.GetStringAsync(fixture.Api.Url));
                Check.That(
                    fixture.Api.Requests[0].Header("Authorization") != fixture.Api.Requests[1].Header("Authorization"), "another token");
                Check.Equal(2, fixture.Sandbox.TokenRequests);
                refusals = 2;
                await Check.FailsAsync(TangoStatus.TokenRefused, () => fixture.Http.GetAsync(fixture.Api.Url));
                Check.Equal(3, fixture.Api.Requests.Count, "a replacement is not replaced, so nothing is sent again");
                Check.Equal(2, fixture.Sandbox.TokenRequests);
            }
        }

        [Test]
        public static async Task First_response_is_disposed_before_the_retry()
        {
            using (var fixture = new Fixture(DpopMode.Required, WantsNonce))
            {
                var recorder = new Recorder();
                using (var http = new HttpClient(new TangoTokenHandler(fixture.Client, recorder)))
                using (await http.GetAsync(fixture.Api.Url))
                {
                    Check.Equal("True|False", string.Join("|", recorder.Contents.Select(content => content.IsDisposed)));
                }
            }
        }

        [Test]
        public static async Task Other_error_responses_are_returned()
        {
            using (var fixture = new Fixture(DpopMode.Off, request => TinyApi.Response("403 Forbidden", "no", "Date: nonsense")))
            using (HttpResponseMessage response = await fixture.Http.GetAsync(fixture.Api.Url))
            {
                Check.Equal(HttpStatusCode.Forbidden, response.StatusCode);
                Check.Equal(1, fixture.Api.Requests.Count);
            }
        }

        [Test]
        public static async Task Request_with_an_authorization_header_is_sent_unchanged()
        {
            using (var fixture = new Fixture(DpopMode.Off, request => TinyApi.Response("200 OK", "hello")))
            {
                var message = new HttpRequestMessage(HttpMethod.Get, "http://127.0.0.1:" + new Uri(fixture.Api.Url).Port + "/other");
                message.Headers.TryAddWithoutValidation("Authorization", "Basic bWU6cGFzcw==");
                (await fixture.Http.SendAsync(message)).Dispose();
                Check.Equal("Basic bWU6cGFzcw==", fixture.Api.Requests.Single().Header("Authorization"));
                Check.That(message.Headers.Authorization != null, "the header stays on the request");
                Check.Equal(0, fixture.Sandbox.TokenRequests);
            }
        }

        [Test]
        public static async Task Token_is_not_sent_to_another_origin_unless_allowed()
        {
            using (var fixture = new Fixture(DpopMode.Off, request => TinyApi.Response("200 OK", "hello")))
            using (var otherApi = new TinyApi(request => TinyApi.Response("200 OK", "caught")))
            {
                await Check.FailsAsync(TangoStatus.InvalidArgument, () => fixture.Http.GetAsync(otherApi.Url));
                Check.Equal(0, otherApi.Requests.Count);
                TangoClientOptions options = fixture.Options;
                options.AllowedOrigins.Add(otherApi.Url);
                fixture.Sandbox.Script("[]");
                using (var client = new TangoClient(options))
                using (var http = new HttpClient(new TangoTokenHandler(client, new HttpClientHandler())))
                    Check.Equal("caught", await http.GetStringAsync(otherApi.Url));
            }
        }

        [Test]
        public static async Task Redirect_is_returned_and_no_header_is_sent_to_another_url()
        {
            foreach (DpopMode mode in new[] { DpopMode.Off, DpopMode.Required })
            foreach (HttpMessageHandler inner in PrimaryHandlers())
            {
                TinyApi otherApi = null;
                using (otherApi = new TinyApi(request => TinyApi.Response("401 Unauthorized", "", RejectedToken)))
                using (var fixture = new Fixture(mode, request => TinyApi.Response("302 Found", "", "Location: " + otherApi.Url)))
                using (var http = new HttpClient(new TangoTokenHandler(fixture.Client, new Recorder(inner))))
                {
                    for (int i = 0; i < 2; i++)
                        using (HttpResponseMessage response = await http.GetAsync(fixture.Api.Url))
                            Check.Equal(HttpStatusCode.Found, response.StatusCode);
                    Check.Equal(0, otherApi.Requests.Count);
                    Check.Equal(1, fixture.Sandbox.TokenRequests);
                }
            }
        }

        [Test]
        public static async Task Request_that_follows_a_redirect_has_a_proof_of_its_own()
        {
            using (var fixture = new Fixture(DpopMode.Required, request =>
                request.Path == "/old" ? TinyApi.Response("303 See Other", "", "Location: /new") : TinyApi.Response("200 OK", "hello")))
            {
                using (HttpResponseMessage response = await fixture.Http.PostAsync(fixture.Api.Url + "old", new StringContent("order")))
                    Check.Equal("hello", await fixture.Http.GetStringAsync(new Uri(new Uri(fixture.Api.Url), response.Headers.Location)));
                ApiRequest first = fixture.Api.Requests[0], second = fixture.Api.Requests[1];
                Check.Contains("\"htm\":\"POST\",\"htu\":\"" + fixture.Api.Url + "old\"", first.Proof);
                Check.Contains("\"htm\":\"GET\",\"htu\":\"" + fixture.Api.Url + "new\"", second.Proof);
                Check.That(first.Header("DPoP") != second.Header("DPoP"), "another proof");
            }
        }

        [Test]
        public static async Task Bound_token_is_not_sent_by_a_handler_whose_redirects_cannot_be_switched_off()
        {
            foreach (HttpMessageHandler inner in PrimaryHandlers())
            using (var fixture = new Fixture(DpopMode.Required, request => TinyApi.Response("200 OK", "hello")))
            {
                var invoker = new HttpMessageInvoker(inner);
                (await invoker.SendAsync(new HttpRequestMessage(HttpMethod.Get, fixture.Api.Url), CancellationToken.None)).Dispose();
                using (var http = new HttpClient(new TangoTokenHandler(fixture.Client, inner)))
                {
                    var error = await Check.ThrowsAsync<InvalidOperationException>(() => http.GetAsync(fixture.Api.Url));
                    Check.Contains("AllowAutoRedirect = false", error.Message);
                }
                Check.Equal(1, fixture.Api.Requests.Count);
            }
        }

        [Test]
        public static async Task Response_to_a_redirected_request_is_not_observed()
        {
            foreach (bool isSameUrl in new[] { false, true })
            {
                int received = 0;
                TinyApi otherApi = null;
                using (otherApi = new TinyApi(request => TinyApi.Response("401 Unauthorized", "", RejectedToken)))
                using (var fixture = new Fixture(DpopMode.Off, request =>
                    isSameUrl && Interlocked.Increment(ref received) > 1 ? TinyApi.Response("401 Unauthorized", "", RejectedToken)
                    : TinyApi.Response("302 Found", "", "Location: " + (isSameUrl ? "/" : otherApi.Url))))
                using (var http = new HttpClient(new TangoTokenHandler(fixture.Client, new Following())))
                using (HttpResponseMessage response = await http.GetAsync(fixture.Api.Url))
                {
                    Check.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
                    ApiRequest last = isSameUrl ? fixture.Api.Requests[1] : otherApi.Requests.Single();
                    Check.Equal(null, last.Header("Authorization"), "the token is not sent to another URL");
                    Check.Equal(1, fixture.Sandbox.TokenRequests, "another request cannot make the client drop its token");
                    fixture.Token();
                    Check.Equal(1, fixture.Sandbox.TokenRequests);
                }
            }
        }

        [Test]
        public static async Task Call_is_cancelled_while_it_waits_for_the_token()
        {
            using (var fixture = new Fixture(DpopMode.Off, request => TinyApi.Response("200 OK", "hello"), "--latency-ms 2000"))
            using (var cancel = new CancellationTokenSource())
            {
                Task<HttpResponseMessage> call = fixture.Http.GetAsync(fixture.Api.Url, cancel.Token);
                cancel.CancelAfter(50);
                await Check.ThrowsAsync<OperationCanceledException>(() => call);
                Check.Equal(0, fixture.Api.Requests.Count);
            }
        }

        [Test]
        public static async Task Concurrent_calls_share_one_token_and_learn_nonces()
        {
            using (var fixture = new Fixture(DpopMode.Required, WantsNonce))
            {
                string[] responses = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => fixture.Http.GetStringAsync(fixture.Api.Url + i)));
                Check.That(responses.All(response => response == "hello"), "each succeeds");
                Check.Equal(1, fixture.Sandbox.TokenRequests);
                Check.Equal(
                    fixture.Api.Requests.Count, fixture.Api.Requests.Select(request => request.Header("DPoP")).Distinct().Count());
            }
        }

        private static string WantsNonce(ApiRequest request)
        {
            return request.Proof.Contains("\"nonce\":\"n1\"")
                ? TinyApi.Response("200 OK", "hello")
                : TinyApi.Response("401 Unauthorized", "nonce, please", NonceChallenge, "DPoP-Nonce: n1");
        }

        /// <summary>New handlers that follow redirects, unless that is switched off.</summary>
        private static HttpMessageHandler[] PrimaryHandlers()
        {
            return new HttpMessageHandler[]
            {
                new HttpClientHandler { UseProxy = false },
#if NETCOREAPP3_0_OR_GREATER
                new SocketsHttpHandler { UseProxy = false },
#endif
            };
        }

        /// <summary>Follows redirects, and cannot be told not to.</summary>
        private sealed class Following : HttpMessageHandler
        {
            private readonly HttpMessageInvoker invoker = new HttpMessageInvoker(new HttpClientHandler { UseProxy = false });

            protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
            {
                return invoker.SendAsync(request, cancellation);
            }
        }

        private sealed class Fixture : IDisposable
        {
            internal readonly Sandbox Sandbox;
            internal readonly TinyApi Api;
            internal readonly TangoClientOptions Options;
            internal readonly TangoClient Client;
            internal readonly HttpClient Http;

            internal Fixture(DpopMode mode, Func<ApiRequest, string> respond, string sandbox = "")
            {
                Sandbox = Sandbox.Start("--quota-window-seconds 0 " + (mode == DpopMode.Required ? "--dpop strict " : "") + sandbox);
                Api = new TinyApi(respond);
                Options = Sandbox.Options();
                Options.ApiUrl = Api.Url;
                Options.Dpop = mode;
                Client = new TangoClient(Options);
                Http = new HttpClient(new TangoTokenHandler(Client, new HttpClientHandler { UseProxy = false }));
            }

            internal string Token()
            {
                using (AccessToken token = Client.Acquire())
                    return token.Value;
            }

            public void Dispose()
            {
                Http.Dispose();
                Client.Dispose();
                Api.Dispose();
                Sandbox.Dispose();
            }
        }

        /// <summary>Sends the requests, and wraps the content of each response to record whether it is disposed.</summary>
        private sealed class Recorder : DelegatingHandler
        {
            internal readonly System.Collections.Generic.List<Watched> Contents = new System.Collections.Generic.List<Watched>();

            internal Recorder() : this(new HttpClientHandler { UseProxy = false }) { }

            internal Recorder(HttpMessageHandler inner) : base(inner) { }

            protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
            {
                HttpResponseMessage response = await base.SendAsync(request, cancellation);
                var watched = new Watched(await response.Content.ReadAsByteArrayAsync());
                Contents.Add(watched);
                response.Content = watched;
                return response;
            }
        }

        private sealed class Watched : ByteArrayContent
        {
            internal Watched(byte[] bytes) : base(bytes) { }

            internal bool IsDisposed { get; private set; }

            protected override void Dispose(bool disposing)
            {
                IsDisposed = true;
                base.Dispose(disposing);
            }
        }
    }
}
