using System.Net;

namespace TangoToken.Tests;

public class RedirectTests
{
    public static TheoryData<int, bool, bool> Redirects
    {
        get
        {
            var rows = new TheoryData<int, bool, bool>();
            foreach (int status in new[] { 301, 302, 303, 307, 308 })
                foreach (bool isSameHost in new[] { true, false })
                    foreach (bool isBound in new[] { true, false })
                        rows.Add(status, isSameHost, isBound);
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Redirects))]
    public async Task Redirect_is_not_followed_and_no_proof_reaches_its_target(
        int status, bool isSameHost, bool isBound)
    {
        using var other = new RawServer(_ => RawServer.Response("401 Unauthorized", "", ApiFixture.RejectedToken));
        using var fixture = new ApiFixture(isBound ? DpopMode.Required : DpopMode.Off, _ => RawServer.Response(
            $"{status} Redirect", "", "Location: " + (isSameHost ? "/new?secret" : other.Uri + "new?secret")));
        foreach (HttpMessageHandler inner in NewHandlers())
        {
            // Redirects are on, as .NET has it by default: the program expects them to be followed.
            using HttpClient http = fixture.HttpClient(inner);
            var error = await Assert.ThrowsAsync<HttpRequestException>(
                () => http.PostAsync(fixture.Url("old"), new StringContent("order")));
            Assert.Contains(
                new Uri(isSameHost ? fixture.Api.Uri : other.Uri, "new").AbsoluteUri, error.Message,
                StringComparison.Ordinal);
            Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
            Assert.Equal(status, (int?)error.StatusCode);
        }
        using HttpResponseMessage response = await fixture.Http.GetAsync(fixture.Url("old"));
        Assert.Equal(status, (int)response.StatusCode);

        Assert.Empty(other.Requests);
        Assert.All(fixture.Api.Requests, request => Assert.Equal("/old", request.Path));
        Assert.Equal(1, fixture.Sandbox.TokenRequests);
    }

    [Fact]
    public async Task Request_that_follows_a_redirect_has_a_proof_of_its_own()
    {
        using var fixture = new ApiFixture(DpopMode.Required, request => request.Path == "/old"
            ? RawServer.Response("303 See Other", "", "Location: /new")
            : RawServer.Response("200 OK", "hello"));
        using HttpResponseMessage response = await fixture.Http.PostAsync(
            fixture.Url("old"), new StringContent("order"));
        Assert.Equal("hello", await fixture.Http.GetStringAsync(new Uri(fixture.Api.Uri, response.Headers.Location!)));
        Assert.Equal(
            [$"POST {fixture.Url("old")}", $"GET {fixture.Url("new")}"],
            fixture.Api.Requests.Select(request => $"{request.Proof["htm"]} {request.Proof["htu"]}"));
    }

    [Fact]
    public async Task Bound_token_is_not_sent_where_redirects_cannot_be_switched_off()
    {
        foreach (HttpMessageHandler inner in NewHandlers())
        {
            using var fixture = new ApiFixture(DpopMode.Required, _ => RawServer.Response("200 OK"));
            using var invoker = new HttpMessageInvoker(inner);
            using var first = new HttpRequestMessage(HttpMethod.Get, fixture.Url());
            (await invoker.SendAsync(first, CancellationToken.None)).Dispose();
            using HttpClient http = fixture.HttpClient(inner);
            var error = await Assert.ThrowsAsync<InvalidOperationException>(() => http.GetAsync(fixture.Url()));
            Assert.Contains("AllowAutoRedirect = false", error.Message, StringComparison.Ordinal);
            Assert.Single(fixture.Api.Requests);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Token_is_not_dropped_for_a_401_to_a_redirected_request(bool isSameUrl)
    {
        int received = 0;
        using var other = new RawServer(_ => RawServer.Response("401 Unauthorized", "", ApiFixture.RejectedToken));
        using var fixture = new ApiFixture(DpopMode.Off, _ => isSameUrl && Interlocked.Increment(ref received) > 1
            ? RawServer.Response("401 Unauthorized", "", ApiFixture.RejectedToken)
            : RawServer.Response("302 Found", "", "Location: " + (isSameUrl ? "/" : other.Uri)));
        TangoAccessToken token = fixture.Client.GetToken();
        using HttpClient http = fixture.HttpClient(new Following());
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync(fixture.Url("")));
        Assert.Equal(HttpStatusCode.Unauthorized, error.StatusCode);
        Assert.Contains((isSameUrl ? fixture.Api.Uri : other.Uri).AbsoluteUri, error.Message, StringComparison.Ordinal);

        RawRequest last = isSameUrl ? fixture.Api.Requests[1] : Assert.Single(other.Requests);
        Assert.Null(last.Header("Authorization"));
        Assert.Same(token, fixture.Client.GetToken());
        Assert.Equal(1, fixture.Sandbox.TokenRequests);
    }

    [Fact]
    public void Nothing_is_learned_from_a_response_whose_request_carries_another_authorization()
    {
        using var fixture = new ApiFixture(DpopMode.Off, _ => RawServer.Response("200 OK"));
        RequestAuthorization authorization = fixture.Client.Authorize(HttpMethod.Get, fixture.Url());
        using var request = new HttpRequestMessage(HttpMethod.Get, fixture.Url());
        using var response = new HttpResponseMessage(HttpStatusCode.Unauthorized) { RequestMessage = request };
        response.Headers.TryAddWithoutValidation("WWW-Authenticate", "Bearer error=\"invalid_token\"");
        Assert.False(fixture.Client.ShouldRetry(authorization, response));
        request.Headers.Authorization = new("Bearer", "another");
        Assert.False(fixture.Client.ShouldRetry(authorization, response));
        authorization.ApplyTo(request);
        Assert.True(fixture.Client.ShouldRetry(authorization, response));
    }

    [Theory]
    [InlineData("//")]
    [InlineData("//[::")]
    [InlineData("https:host")]
    public async Task Redirect_to_what_is_no_URL_is_named_as_it_came(string location)
    {
        using var fixture = new ApiFixture(
            DpopMode.Off, _ => RawServer.Response("302 Found", "", "Location: " + location));
        using HttpClient http = fixture.HttpClient(NewHandlers()[1]);
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync(fixture.Url()));
        Assert.Contains(" is redirected to another URL. ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://user:hush@other.example/new?hush")]
    [InlineData("//user:hush@other.example/new#hush")]
    public async Task Password_in_the_target_of_a_redirect_is_not_shown(string location)
    {
        using var fixture = new ApiFixture(
            DpopMode.Off, _ => RawServer.Response("302 Found", "", "Location: " + location));
        using HttpClient http = fixture.HttpClient(NewHandlers()[1]);
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync(fixture.Url()));
        Assert.Contains("://other.example/new. ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hush", error.ToString(), StringComparison.Ordinal);
    }

    // .NET follows 300 to 303, 307 and 308, and returns the other ones.
    [Theory]
    [InlineData(304)]
    [InlineData(305)]
    public async Task Status_that_HttpClient_does_not_follow_is_returned(int status)
    {
        using var fixture = new ApiFixture(
            DpopMode.Off, _ => RawServer.Response($"{status} Other", "", "Location: /accounts"));
        using HttpClient http = fixture.HttpClient(NewHandlers()[1]);
        using HttpResponseMessage response = await http.GetAsync(fixture.Url());
        Assert.Equal(status, (int)response.StatusCode);
    }

    [Fact]
    public async Task Bound_token_is_sent_after_a_request_with_an_authorization_of_the_program()
    {
        foreach (HttpMessageHandler inner in NewHandlers())
        {
            using var fixture = new ApiFixture(DpopMode.Required, _ => RawServer.Response("200 OK"));
            using HttpClient http = fixture.HttpClient(inner);
            using var first = new HttpRequestMessage(HttpMethod.Get, fixture.Url());
            first.Headers.Authorization = new("Basic", "bWU6cGFzcw==");
            (await http.SendAsync(first)).Dispose();
            (await http.GetAsync(fixture.Url())).Dispose();
            Assert.NotNull(fixture.Api.Requests[1].Header("DPoP"));
        }
    }

    [Fact]
    public async Task First_calls_at_once_all_report_a_redirect()
    {
        using var fixture = new ApiFixture(
            DpopMode.Off, _ => RawServer.Response("302 Found", "", "Location: /new"));
        fixture.Client.GetToken();
        for (int i = 0; i < 200; i++)
        {
            using HttpClient http = fixture.HttpClient(NewHandlers()[i % 2]);
            using var start = new Barrier(2);
            await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
            {
                start.SignalAndWait();
                await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync(fixture.Url()));
            })));
        }
    }

    [Fact]
    public async Task Handlers_that_share_an_inner_handler_all_report_a_redirect()
    {
        using var fixture = new ApiFixture(
            DpopMode.Off, _ => RawServer.Response("302 Found", "", "Location: /new"));
        foreach (HttpMessageHandler inner in NewHandlers())
        {
            using HttpClient first = fixture.HttpClient(inner), second = fixture.HttpClient(inner);
            await Assert.ThrowsAsync<HttpRequestException>(() => first.GetAsync(fixture.Url()));
            await Assert.ThrowsAsync<HttpRequestException>(() => second.GetAsync(fixture.Url()));
        }
    }

    // The handler replaces the header by its own credentials, and sends the request again.
    [Fact]
    public async Task Refusal_of_the_credentials_of_the_inner_handler_is_no_redirect()
    {
        using var fixture = new ApiFixture(
            DpopMode.Off, _ => RawServer.Response("401 Unauthorized", "no", "WWW-Authenticate: Basic realm=\"x\""));
        using HttpClient http = fixture.HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            Credentials = new NetworkCredential("me", "pass"),
        });
        using HttpResponseMessage response = await http.GetAsync(fixture.Url());
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("no", await response.Content.ReadAsStringAsync());
    }

    /// <summary>New handlers that follow redirects, as .NET makes them.</summary>
    private static HttpMessageHandler[] NewHandlers() =>
        [new HttpClientHandler { UseProxy = false }, new SocketsHttpHandler { UseProxy = false }];

    /// <summary>Follows redirects, and cannot be told not to.</summary>
    private sealed class Following : HttpMessageHandler
    {
        private readonly HttpMessageInvoker invoker = new(new SocketsHttpHandler { UseProxy = false });

        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken) =>
                invoker.SendAsync(request, cancellationToken);

        protected override void Dispose(bool disposing)
        {
            invoker.Dispose();
            base.Dispose(disposing);
        }
    }
}
