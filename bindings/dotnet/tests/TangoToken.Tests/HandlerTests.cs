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
    /// <summary>HttpClient with the handler, against an API on loopback; the token comes from the sandbox over TLS.</summary>
    public static class HandlerTests
    {
        private const string NonceChallenge = "WWW-Authenticate: DPoP error=\"use_dpop_nonce\", error_description=\"a, b\", algs=\"ES256\"";
        private const string RefusedToken = "WWW-Authenticate: Bearer error=\"invalid_token\"";

        [Test]
        public static async Task A_Bearer_token_is_sent_and_nothing_of_it_stays_on_the_request()
        {
            using (var bench = new Bench(DpopMode.Off, request => TinyApi.Answer("200 OK", "hello")))
            {
                var message = new HttpRequestMessage(HttpMethod.Get, bench.Api.Url + "accounts?page=1");
                message.Headers.Add("X-Mine", "kept");
                using (HttpResponseMessage response = await bench.Http.SendAsync(message))
                {
                    Check.Equal("hello", await response.Content.ReadAsStringAsync());
                    ApiRequest request = bench.Api.Requests.Single();
                    Check.Equal("Bearer " + bench.Token(), request.Header("Authorization"));
                    Check.Equal("kept", request.Header("X-Mine"));
                    Check.Equal(null, request.Header("DPoP"));
                    Check.ContainsNot(bench.Token(), message + response.ToString() + response.RequestMessage);
                    Check.Equal("kept", message.Headers.GetValues("X-Mine").Single());
                }
            }
        }

        [Test]
        public static async Task A_nonce_is_learned_from_a_challenge_and_from_every_answer()
        {
            using (var bench = new Bench(DpopMode.Required, request =>
                request.Proof.Contains("\"nonce\":\"n1\"") ? TinyApi.Answer("200 OK", "hello", "DPoP-Nonce: n2")
                : request.Proof.Contains("\"nonce\":\"n2\"") ? TinyApi.Answer("200 OK", "again")
                : TinyApi.Answer("401 Unauthorized", "", NonceChallenge, "DPoP-Nonce: n1")))
            {
                Check.Equal("hello", await bench.Http.GetStringAsync(bench.Api.Url + "accounts"));
                Check.Equal(2, bench.Api.Requests.Count);
                Check.Equal("again", await bench.Http.GetStringAsync(bench.Api.Url + "accounts"));
                Check.Equal(3, bench.Api.Requests.Count);
                foreach (ApiRequest request in bench.Api.Requests)
                {
                    Check.Equal("DPoP " + bench.Token(), request.Header("Authorization"));
                    Check.Contains("\"htm\":\"GET\"", request.Proof);
                    Check.Contains("\"htu\":\"" + bench.Api.Url + "accounts\"", request.Proof);
                }
                Check.Equal(3, bench.Api.Requests.Select(request => request.Header("DPoP")).Distinct().Count());
            }
        }

        [Test]
        public static async Task Content_in_memory_is_sent_again()
        {
            using (var bench = new Bench(DpopMode.Required, WantsNonce))
            {
                var content = new StringContent("{\"amount\": 1}", Encoding.UTF8, "application/json");
                using (HttpResponseMessage response = await bench.Http.PostAsync(bench.Api.Url + "orders", content))
                    Check.Equal(HttpStatusCode.OK, response.StatusCode);
                Check.Equal("{\"amount\": 1}|{\"amount\": 1}", string.Join("|", bench.Api.Requests.Select(request => request.Body)));

                bench.Client.Observe(bench.Client.Authorize("GET", bench.Api.Url), 200, "stale", null, null);
                var parts = new MultipartFormDataContent("line") { { new StringContent("one"), "first" } };
                using (HttpResponseMessage response = await bench.Http.PostAsync(bench.Api.Url + "orders", parts))
                    Check.Equal(HttpStatusCode.OK, response.StatusCode);
                Check.Equal(4, bench.Api.Requests.Count);
                Check.Equal(bench.Api.Requests[2].Body, bench.Api.Requests[3].Body);
            }
        }

#if NET5_0_OR_GREATER
        [Test]
        public static void A_blocking_call_has_headers_and_is_sent_again()
        {
            using (var bench = new Bench(DpopMode.Required, WantsNonce))
            using (var message = new HttpRequestMessage(HttpMethod.Post, bench.Api.Url + "orders"))
            {
                message.Content = System.Net.Http.Json.JsonContent.Create(new[] { 1, 2 });
                using (HttpResponseMessage response = bench.Http.Send(message))
                    Check.Equal(HttpStatusCode.OK, response.StatusCode);
                Check.Equal("[1,2]|[1,2]", string.Join("|", bench.Api.Requests.Select(request => request.Body)));
                Check.Throws<OperationCanceledException>(() => bench.Http.Send(
                    new HttpRequestMessage(HttpMethod.Get, bench.Api.Url), new CancellationToken(true)));
                Check.Equal(2, bench.Api.Requests.Count);
            }
        }
#endif

        [Test]
        public static async Task A_stream_is_not_sent_again_and_the_next_request_has_the_nonce()
        {
            using (var bench = new Bench(DpopMode.Required, WantsNonce))
            {
                Func<HttpContent> stream = () => new StreamContent(new MemoryStream(Encoding.ASCII.GetBytes("once")));
                using (HttpResponseMessage response = await bench.Http.PostAsync(bench.Api.Url + "orders", stream()))
                {
                    Check.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
                    Check.Equal("nonce, please", await response.Content.ReadAsStringAsync());
                }
                using (HttpResponseMessage response = await bench.Http.PostAsync(bench.Api.Url + "orders", stream()))
                    Check.Equal(HttpStatusCode.OK, response.StatusCode);
                Check.Equal("once|once", string.Join("|", bench.Api.Requests.Select(request => request.Body)));
            }
        }

        [Test]
        public static async Task One_retry_and_no_more()
        {
            int nonce = 0;
            using (var bench = new Bench(DpopMode.Required, request =>
                TinyApi.Answer("401 Unauthorized", "", NonceChallenge, "DPoP-Nonce: n" + Interlocked.Increment(ref nonce))))
            {
                await Check.FailsAsync(TangoStatus.ProofRefused, () => bench.Http.GetAsync(bench.Api.Url));
                Check.Equal(2, bench.Api.Requests.Count);
            }
        }

        [Test]
        public static async Task A_refused_token_is_replaced_once_and_then_given_up()
        {
            int refusals = 1;
            using (var bench = new Bench(DpopMode.Off, request =>
                Interlocked.Decrement(ref refusals) >= 0
                    ? TinyApi.Answer("401 Unauthorized", "", RefusedToken) : TinyApi.Answer("200 OK", "hello")))
            {
                Check.Equal("hello", await bench.Http.GetStringAsync(bench.Api.Url));
                Check.That(
                    bench.Api.Requests[0].Header("Authorization") != bench.Api.Requests[1].Header("Authorization"), "another token");
                Check.Equal(2, bench.Sandbox.TokenRequests);
                refusals = 2;
                await Check.FailsAsync(TangoStatus.TokenRefused, () => bench.Http.GetAsync(bench.Api.Url));
                Check.Equal(4, bench.Api.Requests.Count);
            }
        }

        [Test]
        public static async Task The_first_answer_is_disposed()
        {
            using (var bench = new Bench(DpopMode.Required, WantsNonce))
            {
                var recorder = new Recorder();
                using (var http = new HttpClient(new TangoTokenHandler(bench.Client, recorder)))
                using (await http.GetAsync(bench.Api.Url))
                {
                    Check.Equal("True|False", string.Join("|", recorder.Contents.Select(content => content.IsDisposed)));
                }
            }
        }

        [Test]
        public static async Task Other_answers_come_back_as_they_are()
        {
            using (var bench = new Bench(DpopMode.Off, request => TinyApi.Answer("403 Forbidden", "no", "Date: nonsense")))
            using (HttpResponseMessage response = await bench.Http.GetAsync(bench.Api.Url))
            {
                Check.Equal(HttpStatusCode.Forbidden, response.StatusCode);
                Check.Equal(1, bench.Api.Requests.Count);
            }
        }

        [Test]
        public static async Task An_authorization_of_the_programs_own_is_left_alone()
        {
            using (var bench = new Bench(DpopMode.Off, request => TinyApi.Answer("200 OK", "hello")))
            {
                var message = new HttpRequestMessage(HttpMethod.Get, "http://127.0.0.1:" + new Uri(bench.Api.Url).Port + "/other");
                message.Headers.TryAddWithoutValidation("Authorization", "Basic bWU6cGFzcw==");
                (await bench.Http.SendAsync(message)).Dispose();
                Check.Equal("Basic bWU6cGFzcw==", bench.Api.Requests.Single().Header("Authorization"));
                Check.That(message.Headers.Authorization != null, "and stays on the request");
                Check.Equal(0, bench.Sandbox.TokenRequests);
            }
        }

        [Test]
        public static async Task No_token_goes_to_another_host()
        {
            using (var bench = new Bench(DpopMode.Off, request => TinyApi.Answer("200 OK", "hello")))
            using (var elsewhere = new TinyApi(request => TinyApi.Answer("200 OK", "caught")))
            {
                await Check.FailsAsync(TangoStatus.InvalidArgument, () => bench.Http.GetAsync(elsewhere.Url));
                Check.Equal(0, elsewhere.Requests.Count);
                TangoClientOptions options = bench.Options;
                options.AllowedOrigins.Add(elsewhere.Url);
                bench.Sandbox.Script("[]");
                using (var client = new TangoClient(options))
                using (var http = new HttpClient(new TangoTokenHandler(client, new HttpClientHandler())))
                    Check.Equal("caught", await http.GetStringAsync(elsewhere.Url));
            }
        }

        [Test]
        public static async Task A_redirect_is_not_learned_from()
        {
            TinyApi elsewhere = null;
            using (elsewhere = new TinyApi(request => TinyApi.Answer("401 Unauthorized", "", RefusedToken)))
            using (var bench = new Bench(DpopMode.Off, request => TinyApi.Answer("302 Found", "", "Location: " + elsewhere.Url)))
            using (HttpResponseMessage response = await bench.Http.GetAsync(bench.Api.Url))
            {
                Check.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
                Check.Equal(null, elsewhere.Requests.Single().Header("Authorization"), "the token stays");
                Check.Equal(1, bench.Sandbox.TokenRequests, "another host cannot make the client drop its token");
                bench.Token();
                Check.Equal(1, bench.Sandbox.TokenRequests);
            }
        }

        [Test]
        public static async Task A_call_is_cancelled_while_it_waits_for_the_token()
        {
            using (var bench = new Bench(DpopMode.Off, request => TinyApi.Answer("200 OK", "hello"), "--latency-ms 2000"))
            using (var cancel = new CancellationTokenSource())
            {
                Task<HttpResponseMessage> call = bench.Http.GetAsync(bench.Api.Url, cancel.Token);
                cancel.CancelAfter(50);
                await Check.ThrowsAsync<OperationCanceledException>(() => call);
                Check.Equal(0, bench.Api.Requests.Count);
            }
        }

        [Test]
        public static async Task Many_calls_at_once_share_one_token_and_learn_nonces()
        {
            using (var bench = new Bench(DpopMode.Required, WantsNonce))
            {
                string[] answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => bench.Http.GetStringAsync(bench.Api.Url + i)));
                Check.That(answers.All(answer => answer == "hello"), "each succeeds");
                Check.Equal(1, bench.Sandbox.TokenRequests);
                Check.Equal(
                    bench.Api.Requests.Count, bench.Api.Requests.Select(request => request.Header("DPoP")).Distinct().Count());
            }
        }

        private static string WantsNonce(ApiRequest request)
        {
            return request.Proof.Contains("\"nonce\":\"n1\"")
                ? TinyApi.Answer("200 OK", "hello")
                : TinyApi.Answer("401 Unauthorized", "nonce, please", NonceChallenge, "DPoP-Nonce: n1");
        }

        private sealed class Bench : IDisposable
        {
            internal readonly Sandbox Sandbox;
            internal readonly TinyApi Api;
            internal readonly TangoClientOptions Options;
            internal readonly TangoClient Client;
            internal readonly HttpClient Http;

            internal Bench(DpopMode mode, Func<ApiRequest, string> answer, string sandbox = "")
            {
                Sandbox = Sandbox.Start("--quota-window-seconds 0 " + (mode == DpopMode.Required ? "--dpop strict " : "") + sandbox);
                Api = new TinyApi(answer);
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

        /// <summary>Really sends, and wraps the content of each answer to see whether it is disposed.</summary>
        private sealed class Recorder : DelegatingHandler
        {
            internal readonly System.Collections.Generic.List<Watched> Contents = new System.Collections.Generic.List<Watched>();

            internal Recorder() : base(new HttpClientHandler { UseProxy = false }) { }

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
