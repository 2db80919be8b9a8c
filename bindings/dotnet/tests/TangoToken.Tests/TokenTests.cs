using NSubstitute;

namespace TangoToken.Tests;

public class TokenTests
{
    [Fact]
    public async Task Callers_share_one_token_request()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        TangoAccessToken token = client.GetToken();
        Assert.Equal("Bearer", token.TokenType);
        Assert.Equal("raas.all", token.Scope);
        TimeSpan lifetime = token.ExpiresAt - DateTimeOffset.UtcNow;
        Assert.InRange(lifetime, TimeSpan.FromHours(23), TimeSpan.FromHours(24.1));
        Assert.Null(token.GetDpopKey());
        Assert.Same(token, await client.GetTokenAsync());
        Assert.Same(token, client.GetToken());
        Assert.Same(token.Value, token.Value);
        Assert.Equal(1, sandbox.TokenRequests);
    }

    [Fact]
    public void TryGetToken_returns_the_held_token_and_never_waits()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        sandbox.Hold();
        Assert.False(client.TryGetToken(out TangoAccessToken? token));
        Assert.Null(token);
        sandbox.Release();
        TangoAccessToken held = client.GetToken();
        Assert.True(client.TryGetToken(out token));
        Assert.Same(held, token);
        Assert.Equal(1, sandbox.TokenRequests);
    }

    [Fact]
    public void Held_token_is_given_out_without_a_task_and_without_an_allocation()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        TangoAccessToken held = client.GetToken();
        // The first calls are compiled.
        for (int i = 0; i < 100; i++)
            Assert.True(client.GetTokenAsync().IsCompletedSuccessfully);
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool isSame = true;
        for (int i = 0; i < 1000; i++)
            isSame &= ReferenceEquals(held, client.GetTokenAsync().Result);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(isSame);
    }

    [Fact]
    public void Scope_is_the_granted_one_or_else_the_requested_one()
    {
        using var sandbox = new Sandbox();
        string Scope(string? requested, string? granted)
        {
            sandbox.Script(Sandbox.TokenResponse("a-token", granted));
            TangoTokenClientOptions options = sandbox.Options();
            options.Scope = requested;
            using var client = new TangoTokenClient(options);
            return client.GetToken().Scope;
        }

        Assert.Equal("raas.read", Scope("raas.some", "raas.read"));
        Assert.Equal("raas.some", Scope("raas.some", null));
        Assert.Equal("raas.all", Scope(null, null));
        Assert.Equal("raas.all", Scope("", null));
        Assert.Equal("raas.all", Scope(null, ""));
    }

    [Fact]
    public void Strings_are_passed_as_UTF8()
    {
        using var sandbox = new Sandbox("--username kunde-\u00fc\u20ac-\U0001F511");
        using TangoTokenClient client = sandbox.Client();
        client.GetToken();
        // Longer than the buffer on the stack, of characters that need three bytes each.
        string userAgent = new('a', 1000), password = new('\u20ac', 1000);
        TangoTokenClientOptions options = sandbox.Options();
        (options.UserAgent, options.Password) = (userAgent, password);
        using var other = new TangoTokenClient(options);
        Expect.Error(TangoTokenErrorCode.CredentialsRefused, () => other.GetToken());
        string received = sandbox.Requests.ToJsonString();
        Assert.Contains(userAgent, received, StringComparison.Ordinal);
        Assert.Contains(string.Concat(Enumerable.Repeat("%E2%82%AC", 1000)), received, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData('\0', "NUL")]
    [InlineData('\ud83d', "half a surrogate pair")]
    [InlineData('\udd11', "half a surrogate pair")]
    public void String_that_UTF8_or_C_cannot_hold_is_refused_without_being_shown(char character, string reason)
    {
        string value = $"before{character}after";
        var error = Assert.ThrowsAny<ArgumentException>(
            () => new TangoTokenClient(new TangoTokenClientOptions { Password = value }));
        Assert.Equal("Password", error.ParamName);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(value[..6], error.ToString(), StringComparison.Ordinal);
        Assert.Null(error.InnerException);
        Assert.Equal("pem", Assert.ThrowsAny<ArgumentException>(() => DpopKey.FromPem(value)).ParamName);
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        Assert.Equal("clientSecret", Assert.ThrowsAny<ArgumentException>(
            () => client.SetClientCredentials("an id", value)).ParamName);
    }

    [Fact]
    public void Invalidated_token_is_replaced_once()
    {
        using var sandbox = new Sandbox("--quota-window-seconds 0");
        using TangoTokenClient client = sandbox.Client();
        TangoAccessToken first = client.GetToken();
        client.Invalidate(first);
        client.Invalidate(first);
        TangoAccessToken second = client.GetToken();
        Assert.NotEqual(first.Value, second.Value);
        client.Invalidate(first);
        Assert.Same(second, client.GetToken());
        Assert.Equal(2, sandbox.TokenRequests);
    }

    [Fact]
    public void New_credentials_are_used_by_the_next_fetch()
    {
        using var sandbox = new Sandbox("--quota-window-seconds 0");
        TangoTokenClientOptions options = sandbox.Options(), wrong = sandbox.Options();
        (wrong.ClientId, wrong.ClientSecret, wrong.Username, wrong.Password) = ("a", "b", "c", "d");
        using var client = new TangoTokenClient(wrong);
        Expect.Error(TangoTokenErrorCode.CredentialsRefused, () => client.GetToken());
        client.SetServiceAccount(options.Username!, options.Password!);
        Expect.Error(TangoTokenErrorCode.CredentialsRefused, () => client.GetToken());
        client.SetClientCredentials(options.ClientId!, options.ClientSecret!);
        client.GetToken();
    }

    [Fact]
    public void Both_pairs_of_credentials_change_at_once()
    {
        using var sandbox = new Sandbox("--quota-window-seconds 0");
        TangoTokenClientOptions options = sandbox.Options(), wrong = sandbox.Options();
        (wrong.ClientId, wrong.ClientSecret, wrong.Username, wrong.Password) = ("a", "b", "c", "d");
        using var client = new TangoTokenClient(wrong);
        client.SetCredentials(options.ClientId!, options.ClientSecret!, options.Username!, options.Password!);
        client.GetToken();
        Assert.Equal(1, sandbox.TokenRequests);
    }

    [Fact]
    public async Task Request_never_has_the_client_of_one_account_and_the_user_of_another()
    {
        using var sandbox = new Sandbox("--quota-window-seconds 0");
        TangoTokenClientOptions options = sandbox.Options();
        (options.ClientId, options.ClientSecret, options.Username, options.Password) = ("id0", "s0", "user0", "p0");
        using var client = new TangoTokenClient(options);
        Task requests = Task.Run(() =>
        {
            while (sandbox.TokenRequests < 30)
                Assert.Throws<TangoTokenException>(() => client.GetToken());
        });
        for (int i = 1; !requests.IsCompleted; i++)
            client.SetCredentials($"id{i}", $"s{i}", $"user{i}", $"p{i}");
        await requests;
        string[] bodies = [.. sandbox.Requests.Select(request => (string?)request!["body"] ?? "")];
        Assert.True(bodies.Length >= 30, $"{bodies.Length} requests");
        Assert.All(bodies, body =>
        {
            string number = body.Split("client_id=id")[1].Split('&')[0];
            Assert.Contains($"username=user{number}&", body + "&", StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Half_a_pair_of_credentials_is_refused()
    {
        using var sandbox = new Sandbox();
        using TangoTokenClient client = sandbox.Client();
        foreach (string? missing in new[] { null, "" })
        {
            Assert.Equal("clientId", Assert.ThrowsAny<ArgumentException>(() =>
                client.SetClientCredentials(missing!, "x")).ParamName);
            Assert.Equal("clientSecret", Assert.ThrowsAny<ArgumentException>(() =>
                client.SetClientCredentials("x", missing!)).ParamName);
            Assert.Equal("username", Assert.ThrowsAny<ArgumentException>(() =>
                client.SetServiceAccount(missing!, "x")).ParamName);
            Assert.Equal("password", Assert.ThrowsAny<ArgumentException>(() =>
                client.SetServiceAccount("x", missing!)).ParamName);
            Assert.Equal("clientId", Assert.ThrowsAny<ArgumentException>(() =>
                client.SetCredentials(missing!, "x", "x", "x")).ParamName);
            Assert.Equal("clientSecret", Assert.ThrowsAny<ArgumentException>(() =>
                client.SetCredentials("x", missing!, "x", "x")).ParamName);
            Assert.Equal("username", Assert.ThrowsAny<ArgumentException>(() =>
                client.SetCredentials("x", "x", missing!, "x")).ParamName);
            Assert.Equal("password", Assert.ThrowsAny<ArgumentException>(() =>
                client.SetCredentials("x", "x", "x", missing!)).ParamName);
        }
    }

    [Fact]
    public void Disposed_client_throws_and_its_tokens_stay_readable()
    {
        using var sandbox = new Sandbox();
        TangoTokenClient client = sandbox.Client();
        TangoAccessToken token = client.GetToken();
        RequestAuthorization authorization = client.Authorize(HttpMethod.Get, sandbox.Accounts);
        client.Dispose();
        client.Dispose();
        Assert.Throws<ObjectDisposedException>(() => client.GetToken());
        Assert.Throws<ObjectDisposedException>(() => client.TryGetToken(out _));
        Assert.Throws<ObjectDisposedException>(() => client.Authorize(HttpMethod.Get, sandbox.Accounts));
        Assert.Equal(authorization.Parameter, token.Value);
        Assert.StartsWith("Bearer token", token.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Substitute_stands_in_for_a_client_without_the_native_library()
    {
        var substitute = Substitute.For<TangoTokenClient>();
        var token = new TangoAccessToken("a-token", "Bearer", "raas.all", DateTimeOffset.UnixEpoch);
        substitute.GetTokenAsync(Arg.Any<CancellationToken>()).Returns(token);
        substitute.AuthorizeAsync(Arg.Any<HttpMethod>(), Arg.Any<Uri>(), Arg.Any<CancellationToken>())
            .Returns(new RequestAuthorization("Bearer", "a-token", null));
        Assert.Same(token, await substitute.GetTokenAsync());
        Assert.Null(token.GetDpopKey());

        using var api = new RawServer(request => RawServer.Response("200 OK", request.Header("Authorization")!));
        using var http = new HttpClient(new TangoTokenHandler(substitute, new SocketsHttpHandler { UseProxy = false }));
        Assert.Equal("Bearer a-token", await http.GetStringAsync(api.Uri));
        substitute.Received(1).ShouldRetry(Arg.Any<RequestAuthorization>(), Arg.Any<HttpResponseMessage>());
    }

    [Fact]
    public void Exception_can_be_made_and_filled_by_a_test()
    {
        var cause = new InvalidOperationException("a cause");
        var error = new TangoTokenException("a message", cause)
        {
            ErrorCode = TangoTokenErrorCode.QuotaRefused,
            StatusCode = System.Net.HttpStatusCode.BadRequest,
            RequestId = "r-1",
            RetryAfter = TimeSpan.FromHours(1),
        };
        Assert.Same(cause, error.InnerException);
        Assert.Equal(TangoTokenErrorCode.None, new TangoTokenException().ErrorCode);
        foreach (string part in new[] { "a message", "a cause", "QuotaRefused", "400", "r-1", "01:00:00" })
            Assert.Contains(part, error.ToString(), StringComparison.Ordinal);
    }
}
