namespace TangoToken.Testing.Tests;

/// <summary>What a test finds with the fake has to be the same with a real client.</summary>
public sealed class BothClientsTests : IAsyncLifetime
{
    private const string InvalidToken = "Basic realm=\"x\", Bearer error=\"invalid_token\"";
    private const string UseNonce = "DPoP error=\"use_dpop_nonce\"";

    private TangoSandbox sandbox = null!;

    private Uri Accounts => new(sandbox.ApiUrl, "accounts");

    public async ValueTask InitializeAsync() => sandbox = await TangoSandbox.StartAsync("--quota-window-seconds", "0");

    public ValueTask DisposeAsync() => sandbox.DisposeAsync();

    private TangoTokenClient Create(bool isFake, bool isBound = false)
    {
        if (isFake)
            return new FakeTangoTokenClient { ApiUrl = sandbox.ApiUrl, IssuesBoundTokens = isBound };
        var options = new TangoTokenClientOptions { Dpop = isBound ? DpopMode.Required : null };
        sandbox.ApplyTo(options);
        return new TangoTokenClient(options);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rejected_token_is_replaced_once(bool isFake)
    {
        using TangoTokenClient client = Create(isFake);
        RequestAuthorization first = await client.AuthorizeAsync(HttpMethod.Get, Accounts);
        Assert.True(client.ShouldRetry(first, 401, null, InvalidToken, null));
        RequestAuthorization second = await client.AuthorizeRetryAsync(first);
        Assert.NotEqual(first.Parameter, second.Parameter);
        TangoTokenException error = Assert.Throws<TangoTokenException>(
            () => client.ShouldRetry(second, 401, null, InvalidToken, null));
        Assert.Equal((TangoTokenErrorCode.TokenRefused, "invalid_token"), (error.ErrorCode, error.OAuthError));
        Assert.Equal(second.Parameter, client.Authorize(HttpMethod.Get, Accounts).Parameter);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Nonce_is_used_once(bool isFake)
    {
        using TangoTokenClient client = Create(isFake, isBound: true);
        RequestAuthorization first = client.Authorize(HttpMethod.Get, Accounts);
        Assert.True(client.ShouldRetry(first, 401, "one", UseNonce, null));
        RequestAuthorization second = client.AuthorizeRetry(first);
        Assert.NotNull(second.Dpop);
        Assert.NotEqual(first.Dpop, second.Dpop);
        TangoTokenException error = Assert.Throws<TangoTokenException>(
            () => client.ShouldRetry(second, 401, "one", UseNonce, null));
        Assert.Equal(TangoTokenErrorCode.ProofRefused, error.ErrorCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Refusal_without_a_reason_is_an_error_and_other_responses_are_for_the_program(bool isFake)
    {
        using TangoTokenClient client = Create(isFake);
        foreach (int status in new[] { 200, 403, 500, 999 })
            Assert.False(client.ShouldRetry(client.Authorize(HttpMethod.Get, Accounts), status, null, null, null));
        TangoTokenException error = Assert.Throws<TangoTokenException>(
            () => client.ShouldRetry(client.Authorize(HttpMethod.Get, Accounts), 401, null, "Bearer", null));
        Assert.Equal(TangoTokenErrorCode.TokenRefused, error.ErrorCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Tokens_are_for_the_api_alone(bool isFake)
    {
        using TangoTokenClient client = Create(isFake);
        TangoTokenException error = Assert.Throws<TangoTokenException>(
            () => client.Authorize(HttpMethod.Get, new Uri("https://stranger.example/")));
        Assert.Equal(TangoTokenErrorCode.InvalidArgument, error.ErrorCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Invalidated_token_is_replaced(bool isFake)
    {
        using TangoTokenClient client = Create(isFake);
        TangoAccessToken token = client.GetToken();
        client.Invalidate(token);
        Assert.NotEqual(token.Value, client.GetToken().Value);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Cancelled_and_closed_clients_throw(bool isFake)
    {
        TangoTokenClient client = Create(isFake);
        var cancelled = new CancellationToken(canceled: true);
        Assert.Throws<OperationCanceledException>(() => client.GetToken(cancelled));
        Assert.True(client.GetTokenAsync(cancelled).IsCanceled);
        client.Dispose();
        Assert.Throws<ObjectDisposedException>(() => client.GetToken());
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await client.GetTokenAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Handler_sends_a_request_again_after_a_rejected_token(bool isFake)
    {
        using TangoTokenClient client = Create(isFake);
        using var http = new HttpClient(new TangoTokenHandler(client, sandbox.CreateHandler()));
        await sandbox.RespondAsync(
            new TangoSandboxResponse
            {
                Path = Accounts.AbsolutePath,
                Status = 401,
                Headers = new Dictionary<string, string> { ["WWW-Authenticate"] = "Bearer error=\"invalid_token\"" },
            },
            new TangoSandboxResponse { Path = Accounts.AbsolutePath, Body = "[]" });
        Assert.Equal("[]", await http.GetStringAsync(Accounts));
        string[] sent = [.. (await sandbox.GetRequestsAsync())
            .Where(request => request.Path == Accounts.AbsolutePath)
            .Select(request => request.Headers["Authorization"])];
        Assert.Equal(2, sent.Distinct().Count());
    }
}
