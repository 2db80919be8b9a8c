using System.Globalization;
using System.Net;

namespace TangoToken.Tests;

/// <summary>HttpClient with the handler, against an API on loopback.</summary>
public class HandlerTests
{
    [Fact]
    public async Task Token_is_removed_from_the_request_after_sending()
    {
        using var fixture = new ApiFixture(DpopMode.Off, _ => RawServer.Response("200 OK", "hello"));
        using var message = new HttpRequestMessage(HttpMethod.Get, fixture.Url("accounts?page=1"));
        message.Headers.Add("X-Mine", "kept");
        using HttpResponseMessage response = await fixture.Http.SendAsync(message);
        Assert.Equal("hello", await response.Content.ReadAsStringAsync());
        RawRequest request = Assert.Single(fixture.Api.Requests);
        string token = fixture.Client.GetToken().Value;
        Assert.Equal("Bearer " + token, request.Header("Authorization"));
        Assert.Equal("kept", request.Header("X-Mine"));
        Assert.Null(request.Header("DPoP"));
        Assert.DoesNotContain(token, $"{message}{response}{response.RequestMessage}", StringComparison.Ordinal);
        Assert.Equal("kept", Assert.Single(message.Headers.GetValues("X-Mine")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Foreign_origin_is_refused_before_a_token_is_requested(bool isAsync)
    {
        using var fixture = new ApiFixture(DpopMode.Off, _ => RawServer.Response("200 OK"));
        using var other = new RawServer(_ => RawServer.Response("200 OK", "caught"));
        TangoTokenException error = await Expect.ErrorAsync(TangoTokenErrorCode.InvalidArgument, async () =>
            _ = isAsync ? await fixture.Http.GetAsync(other.Uri) : fixture.Http.Send(new(HttpMethod.Get, other.Uri)));
        Assert.Null(error.RetryAfter);
        Assert.Null(error.StatusCode);
        await Expect.ErrorAsync(TangoTokenErrorCode.InvalidArgument, async () =>
            _ = isAsync
                ? await fixture.Client.AuthorizeAsync(HttpMethod.Get, other.Uri)
                : fixture.Client.Authorize(HttpMethod.Get, other.Uri));
        Assert.Empty(other.Requests);
        Assert.Equal(0, fixture.Sandbox.TokenRequests);

        TangoTokenClientOptions options = fixture.Options(DpopMode.Off);
        options.AllowedOrigins.Add(other.Uri.AbsoluteUri);
        using var client = new TangoTokenClient(options);
        using var http = new HttpClient(new TangoTokenHandler(client, new SocketsHttpHandler { UseProxy = false }));
        Assert.Equal("caught", await http.GetStringAsync(other.Uri));
    }

    [Fact]
    public async Task Nonce_is_learned_from_a_challenge_and_from_every_response()
    {
        using var fixture = new ApiFixture(DpopMode.Required, request => request.Nonce switch
        {
            "n1" => RawServer.Response("200 OK", "hello", "DPoP-Nonce: n2"),
            "n2" => RawServer.Response("200 OK", "again"),
            _ => RawServer.Response("401 Unauthorized", "", ApiFixture.NonceChallenge, "DPoP-Nonce: n1"),
        });
        Assert.Equal("hello", await fixture.Http.GetStringAsync(fixture.Url()));
        Assert.Equal("again", await fixture.Http.GetStringAsync(fixture.Url()));
        Assert.Equal(3, fixture.Api.Requests.Count);
        Assert.All(fixture.Api.Requests, request =>
        {
            Assert.Equal("DPoP " + fixture.Client.GetToken().Value, request.Header("Authorization"));
            Assert.Equal("GET", (string?)request.Proof["htm"]);
            Assert.Equal(fixture.Url().AbsoluteUri, (string?)request.Proof["htu"]);
        });
        Assert.Equal(3, fixture.Api.Requests.Select(request => request.Header("DPoP")).Distinct().Count());
    }

    [Fact]
    public async Task Challenge_is_found_behind_others_and_in_a_header_of_its_own()
    {
        using var fixture = new ApiFixture(DpopMode.Required, request => request.Nonce == "n1"
            ? RawServer.Response("200 OK", "hello")
            : RawServer.Response(
                "401 Unauthorized", "", "WWW-Authenticate: Basic realm=\"a, b\"", "WWW-Authenticate: Negotiate",
                ApiFixture.NonceChallenge, "DPoP-Nonce: n1"));
        Assert.Equal("hello", await fixture.Http.GetStringAsync(fixture.Url()));
    }

    [Fact]
    public async Task Clock_of_the_API_is_learned_from_its_Date()
    {
        DateTimeOffset ahead = DateTimeOffset.UtcNow.AddHours(1);
        using var fixture = new ApiFixture(DpopMode.Required, request =>
            (long)request.Proof["iat"]! > ahead.AddMinutes(-5).ToUnixTimeSeconds()
                ? RawServer.Response("200 OK", "hello")
                : RawServer.Response(
                    "401 Unauthorized", "", "WWW-Authenticate: DPoP error=\"invalid_dpop_proof\"",
                    "Date: " + ahead.ToString("r", CultureInfo.InvariantCulture)));
        Assert.Equal("hello", await fixture.Http.GetStringAsync(fixture.Url()));
        Assert.Equal(2, fixture.Api.Requests.Count);
    }

    [Fact]
    public async Task Header_of_the_program_with_a_stale_proof_is_replaced()
    {
        using var fixture = new ApiFixture(DpopMode.Required, ApiFixture.WantsNonce);
        using var message = new HttpRequestMessage(HttpMethod.Get, fixture.Url());
        message.Headers.TryAddWithoutValidation("DPoP", "stale");
        using HttpResponseMessage response = await fixture.Http.SendAsync(message);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.All(fixture.Api.Requests, request =>
            Assert.DoesNotContain("stale", request.Header("DPoP"), StringComparison.Ordinal));

        using var bearer = new ApiFixture(DpopMode.Off, _ => RawServer.Response("200 OK"));
        using var other = new HttpRequestMessage(HttpMethod.Get, bearer.Url());
        other.Headers.TryAddWithoutValidation("DPoP", "stale");
        (await bearer.Http.SendAsync(other)).Dispose();
        Assert.Null(Assert.Single(bearer.Api.Requests).Header("DPoP"));
    }

    [Fact]
    public async Task Request_is_sent_at_most_twice()
    {
        int nonce = 0;
        using var fixture = new ApiFixture(DpopMode.Required, _ => RawServer.Response(
            "401 Unauthorized", "", ApiFixture.NonceChallenge, $"DPoP-Nonce: n{Interlocked.Increment(ref nonce)}"));
        await Expect.ErrorAsync(TangoTokenErrorCode.ProofRefused, () => fixture.Http.GetAsync(fixture.Url()));
        Assert.Equal(2, fixture.Api.Requests.Count);
    }

    [Fact]
    public async Task Rejected_token_is_replaced_once()
    {
        int rejections = 1;
        using var fixture = new ApiFixture(DpopMode.Off, _ => Interlocked.Decrement(ref rejections) >= 0
            ? RawServer.Response("401 Unauthorized", "", ApiFixture.RejectedToken)
            : RawServer.Response("200 OK", "hello"));
        Assert.Equal("hello", await fixture.Http.GetStringAsync(fixture.Url()));
        Assert.NotEqual(
            fixture.Api.Requests[0].Header("Authorization"), fixture.Api.Requests[1].Header("Authorization"));
        Assert.Equal(2, fixture.Sandbox.TokenRequests);
        rejections = 2;
        await Expect.ErrorAsync(TangoTokenErrorCode.TokenRefused, () => fixture.Http.GetAsync(fixture.Url()));
        // A replacement is not replaced, so nothing is sent again.
        Assert.Equal(3, fixture.Api.Requests.Count);
        Assert.Equal(2, fixture.Sandbox.TokenRequests);
    }

    [Fact]
    public async Task Other_error_responses_are_returned_as_they_came()
    {
        using var fixture = new ApiFixture(
            DpopMode.Off, _ => RawServer.Response("403 Forbidden", "no", "Date: nonsense"));
        using HttpResponseMessage response = await fixture.Http.GetAsync(fixture.Url());
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Equal("no", await response.Content.ReadAsStringAsync());
        Assert.Single(fixture.Api.Requests);
    }

    [Fact]
    public async Task Refusal_by_the_API_has_its_request_ID_and_its_message()
    {
        const string body =
            """{"requestId": "r-7", "i18nKey": "token.not.for.this.api", "message": "This token is for another API"}""";
        using var fixture = new ApiFixture(DpopMode.Required, _ => RawServer.Response(
            "401 Unauthorized", body, "WWW-Authenticate: DPoP error=\"invalid_dpop_proof\"",
            "X-REQUEST-ID: r-7", "Content-Type: application/json"));
        TangoTokenException error = await Expect.ErrorAsync(
            TangoTokenErrorCode.ProofRefused, () => fixture.Http.GetAsync(fixture.Url()));
        Assert.Equal("r-7", error.RequestId);
        Assert.Equal("token.not.for.this.api", error.I18nKey);
        Assert.Equal("This token is for another API", error.ServerMessage);
        Assert.Equal(HttpStatusCode.Unauthorized, error.StatusCode);
        foreach (string part in new[] { "r-7", "401", "This token is for another API" })
            Assert.Contains(part, error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Authorization", 0, 0)]
    [InlineData("Authorization", 40, 0)]
    [InlineData("DPoP", 0, 40)]
    public async Task Refusal_that_repeats_a_secret_does_not_show_it(string header, int before, int after)
    {
        string repeated = "";
        using var fixture = new ApiFixture(DpopMode.Required, request =>
        {
            string secret = request.Header(header)!.Split(' ')[^1];
            repeated = secret[before..^after];
            return RawServer.Response(
                "401 Unauthorized", $$"""{"message": "not accepted: {{repeated}}"}""",
                "WWW-Authenticate: DPoP error=\"invalid_dpop_proof\"", "Content-Type: application/json");
        });
        TangoTokenException error = await Expect.ErrorAsync(
            TangoTokenErrorCode.ProofRefused, () => fixture.Http.GetAsync(fixture.Url()));
        Assert.Equal("[not shown, because it contains a secret]", error.ServerMessage);
        Assert.DoesNotContain(repeated, error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"message\": \"\\ud800\"}")]
    [InlineData("{\"i18nKey\": \"\\udfff\", \"message\": \"no\"}")]
    [InlineData("{\"\\ud800\": 1, \"message\": \"no\"}")]
    [InlineData("[")]
    [InlineData("null")]
    public async Task Refusal_with_JSON_that_NET_cannot_read_is_still_a_refusal(string body)
    {
        using var fixture = new ApiFixture(DpopMode.Required, _ => RawServer.Response(
            "401 Unauthorized", body, "WWW-Authenticate: DPoP error=\"invalid_dpop_proof\"",
            "X-REQUEST-ID: r-7", "Content-Type: application/json"));
        TangoTokenException error = await Expect.ErrorAsync(
            TangoTokenErrorCode.ProofRefused, () => fixture.Http.GetAsync(fixture.Url()));
        Assert.Equal("r-7", error.RequestId);
    }

    [Fact]
    public async Task Refusal_with_a_body_that_cannot_be_decompressed_is_still_a_refusal()
    {
        using var fixture = new ApiFixture(DpopMode.Required, _ => RawServer.Response(
            "401 Unauthorized", "this is not gzip", "WWW-Authenticate: DPoP error=\"invalid_dpop_proof\"",
            "Content-Type: application/json", "Content-Encoding: gzip"));
        using HttpClient http = fixture.HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.All,
        });
        await Expect.ErrorAsync(TangoTokenErrorCode.ProofRefused, () => http.GetAsync(fixture.Url()));
        await Expect.ErrorAsync(
            TangoTokenErrorCode.ProofRefused,
            () => Task.Run(() => http.Send(new HttpRequestMessage(HttpMethod.Get, fixture.Url()))));
    }

    /// <summary>A test's own client: a class that overrides what its test needs.</summary>
    private sealed class HandwrittenClient : TangoTokenClient
    {
        public override ValueTask<RequestAuthorization> AuthorizeAsync(
            HttpMethod method, Uri uri, CancellationToken cancellationToken = default) =>
                new(new RequestAuthorization("Bearer", "for-a-test", null));
    }

    [Fact]
    public async Task Handler_returns_the_response_for_an_authorization_that_a_test_made()
    {
        using var api = new RawServer(_ => RawServer.Response("201 Created", "order"));
        using var client = new HandwrittenClient();
        using var http = new HttpClient(new TangoTokenHandler(
            client, new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false }));
        using HttpResponseMessage response = await http.PostAsync(api.Uri, null);
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        Assert.Equal("Bearer for-a-test", api.Requests[0].Header("Authorization"));
    }

    [Theory]
    [InlineData("Basic bWU6cGFzcw==")]
    [InlineData("key=abc:def")]
    [InlineData("0123456789abcdef")]
    [InlineData("AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/api/aws4_request, Signature=ab")]
    public async Task Authorization_header_of_the_program_is_left_alone(string value)
    {
        using var fixture = new ApiFixture(DpopMode.Off, _ => RawServer.Response("200 OK"));
        using var other = new RawServer(_ => RawServer.Response("200 OK"));
        foreach (Uri uri in new[] { fixture.Url(), other.Uri })
        {
            using var message = new HttpRequestMessage(HttpMethod.Get, uri);
            Assert.True(message.Headers.TryAddWithoutValidation("Authorization", value));
            (await fixture.Http.SendAsync(message)).Dispose();
            Assert.Equal(value, message.Headers.NonValidated["Authorization"].ToString());
        }
        Assert.Equal(value, Assert.Single(fixture.Api.Requests).Header("Authorization"));
        Assert.Equal(value, Assert.Single(other.Requests).Header("Authorization"));
        Assert.Equal(0, fixture.Sandbox.TokenRequests);
    }

    [Theory]
    [InlineData("Bearer")]
    [InlineData("bearer ")]
    [InlineData("DPoP")]
    [InlineData("")]
    public async Task Scheme_without_a_parameter_counts_as_no_authorization(string placeholder)
    {
        using var fixture = new ApiFixture(DpopMode.Off, _ => RawServer.Response("200 OK"));
        using var message = new HttpRequestMessage(HttpMethod.Get, fixture.Url());
        message.Headers.TryAddWithoutValidation("Authorization", placeholder);
        (await fixture.Http.SendAsync(message)).Dispose();
        Assert.Equal(
            "Bearer " + fixture.Client.GetToken().Value, Assert.Single(fixture.Api.Requests).Header("Authorization"));
    }

    [Fact]
    public async Task Token_with_a_comma_is_sent_as_it_is()
    {
        const string token = "first,second=\"third\";fourth";
        using var fixture = new ApiFixture(DpopMode.Off, _ => RawServer.Response("200 OK", "hello"));
        fixture.Sandbox.Script(Sandbox.TokenResponse(token));
        Assert.Equal("hello", await fixture.Http.GetStringAsync(fixture.Url()));
        Assert.Equal("Bearer " + token, Assert.Single(fixture.Api.Requests).Header("Authorization"));
    }

    [Theory]
    [InlineData("get", "GET")]
    [InlineData("Post", "POST")]
    [InlineData("CUSTOM", "CUSTOM")]
    [InlineData("custom", "custom")]
    public async Task Proof_names_the_method_as_it_is_sent(string written, string sent)
    {
        using var fixture = new ApiFixture(DpopMode.Required, ApiFixture.WantsNonce);
        using var message = new HttpRequestMessage(new HttpMethod(written), fixture.Url());
        using HttpResponseMessage response = await fixture.Http.SendAsync(message);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.All(fixture.Api.Requests, request =>
        {
            Assert.Equal(sent, request.Method);
            Assert.Equal(sent, (string?)request.Proof["htm"]);
        });
    }

    [Fact]
    public async Task Challenge_is_bounded_before_it_is_parsed()
    {
        string commas = new(',', 30_000);
        using var fixture = new ApiFixture(DpopMode.Required, _ => RawServer.Response(
            "401 Unauthorized", "", $"WWW-Authenticate: DPoP {commas}", $"WWW-Authenticate: DPoP {commas}"));
        TangoTokenException refusal = await Expect.ErrorAsync(
            TangoTokenErrorCode.TokenRefused, () => fixture.Http.GetAsync(fixture.Url()));
        Assert.True(refusal.Message.Length < 2000, $"the message has {refusal.Message.Length} characters");

        // What lies behind the bound is not read.
        string challenge = $"Basic realm=\"{new string('x', 20_000)}\", DPoP error=\"use_dpop_nonce\"";
        Expect.Error(TangoTokenErrorCode.TokenRefused, () =>
            fixture.Client.ShouldRetry(Authorize(), 401, "a-nonce", challenge, null));
        RequestAuthorization authorization = Authorize();
        Assert.True(fixture.Client.ShouldRetry(authorization, 401, "b-nonce", "DPoP error=\"use_dpop_nonce\"", null));

        RequestAuthorization Authorize() => fixture.Client.Authorize(HttpMethod.Get, fixture.Url());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Client_that_is_disposed_during_a_request_does_not_cost_its_response(bool isBound)
    {
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var fixture = new ApiFixture(isBound ? DpopMode.Required : DpopMode.Off, async _ =>
        {
            arrived.SetResult();
            await release.Task;
            return RawServer.Response("201 Created", "an order");
        });
        Task<HttpResponseMessage> call = fixture.Http.PostAsync(fixture.Url("orders"), new StringContent("order"));
        await arrived.Task;
        fixture.Client.Dispose();
        release.SetResult();
        using HttpResponseMessage response = await call;
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        Assert.Equal("an order", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Client_that_is_disposed_during_a_challenge_still_sends_the_request_again()
    {
        TangoTokenClient? client = null;
        using var fixture = new ApiFixture(DpopMode.Required, request =>
        {
            client!.Dispose();
            return ApiFixture.WantsNonce(request);
        });
        client = fixture.Client;
        Assert.Equal("hello", await fixture.Http.GetStringAsync(fixture.Url()));
    }

    [Theory]
    [InlineData("099", 99)]
    [InlineData("999", 999)]
    public async Task Status_that_HTTP_does_not_have_is_returned(string status, int number)
    {
        using var fixture = new ApiFixture(DpopMode.Required, _ => RawServer.Response(status + " Odd", "odd"));
        using HttpResponseMessage response = await fixture.Http.GetAsync(fixture.Url());
        Assert.Equal(number, (int)response.StatusCode);
        Assert.Equal("odd", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Request_without_an_absolute_URI_is_an_error_of_NET()
    {
        using var fixture = new ApiFixture(DpopMode.Off, _ => RawServer.Response("200 OK"));
        using var invoker = new HttpMessageInvoker(new TangoTokenHandler(fixture.Client, new SocketsHttpHandler()));
        foreach (Uri? uri in new[] { null, new Uri("/path", UriKind.Relative) })
        {
            using var message = new HttpRequestMessage(HttpMethod.Get, uri);
            var error = await Assert.ThrowsAsync<InvalidOperationException>(
                () => invoker.SendAsync(message, CancellationToken.None));
            Assert.Contains("URI", error.Message, StringComparison.Ordinal);
        }
        Assert.Equal("uri", Assert.ThrowsAny<ArgumentException>(
            () => fixture.Client.Authorize(HttpMethod.Get, new Uri("/path", UriKind.Relative))).ParamName);
        Assert.Equal(0, fixture.Sandbox.TokenRequests);
    }

    [Fact]
    public async Task Call_is_cancelled_while_it_waits_for_the_token()
    {
        using var fixture = new ApiFixture(DpopMode.Off, _ => RawServer.Response("200 OK"));
        using var cancel = new CancellationTokenSource();
        fixture.Sandbox.Hold();
        Task<HttpResponseMessage> call = fixture.Http.GetAsync(fixture.Url(), cancel.Token);
        fixture.Sandbox.WaitForTokenRequests(1);
        await cancel.CancelAsync();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal(cancel.Token, error.CancellationToken);
        fixture.Sandbox.Release();
        Assert.Empty(fixture.Api.Requests);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Timeout_ends_a_call_that_waits_for_the_token(bool isAsync)
    {
        using var fixture = new ApiFixture(DpopMode.Off, _ => RawServer.Response("200 OK"));
        fixture.Sandbox.Hold();
        fixture.Http.Timeout = TimeSpan.FromMilliseconds(200);
        // It ends although the sandbox sends nothing.
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            _ = isAsync
                ? await fixture.Http.GetAsync(fixture.Url())
                : fixture.Http.Send(new(HttpMethod.Get, fixture.Url())));
        Assert.IsType<TimeoutException>(error.InnerException);
        Assert.DoesNotContain("the caller cancelled", error.ToString(), StringComparison.OrdinalIgnoreCase);
        fixture.Sandbox.Release();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Timeout_ends_a_call_while_the_signer_hangs(bool isAsync)
    {
        using var isOpen = new ManualResetEventSlim(initialState: true);
        using DpopKey key = DpopKey.Generate();
        using var ecdsa = System.Security.Cryptography.ECDsa.Create();
        ecdsa.ImportFromPem(key.ExportPkcs8PrivateKeyPem());
        using DpopKey custom = DpopKey.FromSigner(key.Algorithm, key.PublicJwk, message =>
        {
            isOpen.Wait();
            return ecdsa.SignData(message, System.Security.Cryptography.HashAlgorithmName.SHA256);
        });
        using var fixture = new ApiFixture(DpopMode.Required, _ => RawServer.Response("200 OK"), dpopKey: custom);
        fixture.Client.GetToken();
        fixture.Http.Timeout = TimeSpan.FromMilliseconds(200);
        isOpen.Reset();
        try
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                // The thread of the caller is free while the signer hangs.
                Task<HttpResponseMessage> call = isAsync
                    ? fixture.Http.GetAsync(fixture.Url())
                    : Task.Run(() => fixture.Http.Send(new(HttpMethod.Get, fixture.Url())));
                Assert.False(call.IsCompleted);
                await call;
            });
        }
        finally
        {
            isOpen.Set();
        }
        Assert.Empty(fixture.Api.Requests);
    }

    [Fact]
    public async Task Concurrent_calls_share_one_token_and_learn_nonces()
    {
        using var fixture = new ApiFixture(DpopMode.Required, ApiFixture.WantsNonce);
        string[] responses = await Task.WhenAll(
            Enumerable.Range(0, 200).Select(i => fixture.Http.GetStringAsync(fixture.Url($"{i}"))));
        Assert.All(responses, response => Assert.Equal("hello", response));
        Assert.Equal(1, fixture.Sandbox.TokenRequests);
        Assert.Equal(
            fixture.Api.Requests.Count, fixture.Api.Requests.Select(request =>
                request.Header("DPoP")).Distinct().Count());
    }

    [Fact]
    public async Task Client_that_goes_away_does_not_end_the_server_of_the_tests()
    {
        using var arrived = new SemaphoreSlim(0);
        using var release = new ManualResetEventSlim();
        using var server = new RawServer(_ =>
        {
            arrived.Release();
            release.Wait();
            return RawServer.Response("200 OK", new string('x', 10_000_000));
        });
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var cancel = new CancellationTokenSource();
        Task<string> call = http.GetStringAsync(server.Uri, cancel.Token);
        await arrived.WaitAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        release.Set();
        Assert.NotEmpty(await http.GetStringAsync(server.Uri));
    }
}
