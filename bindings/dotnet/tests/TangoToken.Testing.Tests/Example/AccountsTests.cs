using System.Net;
using Microsoft.Extensions.DependencyInjection;

namespace TangoToken.Testing.Tests.Example;

public sealed class AccountsTests : IDisposable
{
    private readonly FakeTangoTokenClient fake = new();

    public void Dispose() => fake.Dispose();

    [Fact]
    public async Task One_token_serves_all_calls()
    {
        var api = new Api();
        Accounts accounts = Create(api);
        Assert.Equal(["Gifts"], await accounts.GetNamesAsync());
        Assert.Equal(["Gifts"], await accounts.GetNamesAsync());
        Assert.Equal(["Bearer fake-token-1", "Bearer fake-token-1"], api.Tokens);
    }

    [Fact]
    public async Task Daily_limit_is_reported_with_the_time_that_is_left()
    {
        var api = new Api();
        fake.Fail(TangoTokenErrorCode.QuotaRefused, retryAfter: TimeSpan.FromHours(3));
        TryLaterException error = await Assert.ThrowsAsync<TryLaterException>(() => Create(api).GetNamesAsync());
        Assert.Equal("no accounts for 03:00:00", error.Message);
        Assert.Empty(api.Tokens);
    }

    [Fact]
    public async Task Token_that_the_api_rejects_is_replaced_once()
    {
        var api = new Api(rejects: 1);
        Assert.Equal(["Gifts"], await Create(api).GetNamesAsync());
        Assert.Equal(["Bearer fake-token-1", "Bearer fake-token-2"], api.Tokens);
    }

    [Fact]
    public async Task Accounts_of_the_sandbox()
    {
        await using TangoSandbox sandbox = await TangoSandbox.StartAsync();
        var services = new ServiceCollection();
        services.AddTangoToken(sandbox.ApplyTo);
        services.AddHttpClient<Accounts>(http => http.BaseAddress = sandbox.ApiUrl)
            .ConfigurePrimaryHttpMessageHandler(sandbox.CreateHandler)
            .AddTangoTokenHandler();
        await using ServiceProvider provider = services.BuildServiceProvider();
        Assert.Equal(["Sandbox Account"], await provider.GetRequiredService<Accounts>().GetNamesAsync());
        Assert.Equal(1, await sandbox.CountAsync("token_requests"));
    }

    private Accounts Create(Api api) =>
        new(new HttpClient(new TangoTokenHandler(fake, api)) { BaseAddress = new Uri("https://api.example/raas/v2/") });

    /// <summary>
    /// Responds in the place of the API, with a 401 as often as it is told, and keeps the tokens that were sent.
    /// </summary>
    private sealed class Api(int rejects = 0) : HttpMessageHandler
    {
        internal List<string> Tokens { get; } = [];

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancel)
        {
            Tokens.Add($"{request.Headers.Authorization}");
            var response = new HttpResponseMessage { Content = new StringContent("""[{"displayName": "Gifts"}]""") };
            if (Tokens.Count <= rejects)
            {
                response.StatusCode = HttpStatusCode.Unauthorized;
                response.Headers.WwwAuthenticate.ParseAdd("Bearer error=\"invalid_token\"");
            }
            return Task.FromResult(response);
        }
    }
}
