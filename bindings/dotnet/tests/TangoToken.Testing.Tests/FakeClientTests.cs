using System.Net;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace TangoToken.Testing.Tests;

/// <summary>The fake. What both clients do is in <see cref="BothClientsTests"/>.</summary>
public sealed class FakeClientTests : IDisposable
{
    private static readonly Uri Accounts = new("https://api.example/raas/v2/accounts");

    private readonly FakeTangoTokenClient fake = new();

    public void Dispose() => fake.Dispose();

    [Fact]
    public void Every_virtual_member_is_overridden()
    {
        // This one calls the other ShouldRetry, and no native code.
        MethodInfo inherited = typeof(TangoTokenClient).GetMethod(
            nameof(TangoTokenClient.ShouldRetry), [typeof(RequestAuthorization), typeof(HttpResponseMessage)])!;
        IEnumerable<MethodInfo> members = typeof(TangoTokenClient)
            .GetMethods(BindingFlags.Instance | BindingFlags.Public | BindingFlags.DeclaredOnly)
            .Where(method => method is { IsVirtual: true, IsFinal: false } && method != inherited);
        Assert.All(members, member => Assert.True(
            typeof(FakeTangoTokenClient).GetMethods().Any(own =>
                own.DeclaringType == typeof(FakeTangoTokenClient) && own.GetBaseDefinition() == member),
            $"FakeTangoTokenClient does not override {member}"));
    }

    [Fact]
    public async Task Calls_and_tokens_are_counted()
    {
        TangoAccessToken token = await fake.GetTokenAsync();
        Assert.Same(token, fake.GetToken());
        fake.Authorize(HttpMethod.Post, Accounts);
        Assert.Equal(1, fake.TokensIssued);
        Assert.Equal(
            ["GetTokenAsync", "GetToken", $"Authorize POST {Accounts}"], fake.Calls.Select(call => call.ToString()));
    }

    [Fact]
    public async Task Every_error_code_can_be_thrown()
    {
        foreach (TangoTokenErrorCode code in Enum.GetValues<TangoTokenErrorCode>())
        {
            fake.Fail(code, retryAfter: TimeSpan.FromMinutes(1));
            TangoTokenException error = Assert.Throws<TangoTokenException>(() => fake.GetToken());
            Assert.Equal((code, TimeSpan.FromMinutes(1)), (error.ErrorCode, error.RetryAfter));
            await Assert.ThrowsAsync<TangoTokenException>(
                async () => await fake.AuthorizeAsync(HttpMethod.Get, Accounts));
        }
    }

    [Fact]
    public void Client_fails_as_often_as_it_is_told()
    {
        fake.FailWith(() => new TangoTokenException("slow") { RequestId = "an-id" }, times: 2);
        Assert.Equal("an-id", Assert.Throws<TangoTokenException>(() => fake.GetToken()).RequestId);
        Assert.Throws<TangoTokenException>(() => fake.GetToken());
        Assert.Equal("fake-token-1", fake.GetToken().Value);
        fake.Fail(TangoTokenErrorCode.TimedOut);
        fake.Succeed();
        Assert.Equal("fake-token-1", fake.GetToken().Value);
    }

    [Fact]
    public void Token_expires_by_the_clock_of_the_test()
    {
        var time = new FakeTimeProvider();
        using var client = new FakeTangoTokenClient(time) { TokenLifetime = TimeSpan.FromMinutes(5) };
        Assert.False(client.TryGetToken(out _));
        TangoAccessToken first = client.GetToken();
        time.Advance(TimeSpan.FromMinutes(4));
        Assert.True(client.TryGetToken(out TangoAccessToken? held) && held == first);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.False(client.TryGetToken(out _));
        Assert.NotEqual(first.Value, client.GetToken().Value);
    }

    [Fact]
    public void Token_of_the_test_is_served()
    {
        var token = new TangoAccessToken("a-secret", "Bearer", "raas.read", DateTimeOffset.UtcNow.AddHours(1));
        fake.SetToken(token);
        Assert.Same(token, fake.GetToken());
        Assert.Equal("a-secret", fake.Authorize(HttpMethod.Get, Accounts).Parameter);
        Assert.Equal(0, fake.TokensIssued);
    }

    [Fact]
    public void Another_account_gets_another_token()
    {
        fake.SetCredentials("client", "secret", "user", "password");
        string first = fake.GetToken().Value;
        fake.SetServiceAccount("user", "another password");
        fake.SetClientCredentials("client", "another secret");
        Assert.Equal(first, fake.GetToken().Value);
        fake.SetServiceAccount("another user", "password");
        Assert.NotEqual(first, fake.GetToken().Value);
        Assert.ThrowsAny<ArgumentException>(() => fake.SetServiceAccount("", "password"));
    }

    [Fact]
    public void Without_an_api_each_origin_may_receive_tokens_and_relative_addresses_none()
    {
        fake.Authorize(HttpMethod.Get, new Uri("https://stranger.example/"));
        foreach (Uri uri in new[] { new Uri("/accounts", UriKind.Relative), new Uri("ftp://api.example/") })
            Assert.Equal(
                TangoTokenErrorCode.InvalidArgument,
                Assert.Throws<TangoTokenException>(() => fake.Authorize(HttpMethod.Get, uri)).ErrorCode);
    }

    [Fact]
    public async Task Host_uses_the_fake_in_the_place_of_its_clients()
    {
        var promotions = new FakeTangoTokenClient();
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddTangoToken(options => options.ClientId = "incomplete");
        builder.Services.AddTangoToken("promotions", options => options.ClientId = "incomplete");
        builder.Services.AddHttpClient("tango").AddTangoTokenHandler()
            .ConfigurePrimaryHttpMessageHandler(() => new Echo());
        builder.Services.AddHttpClient("other").AddTangoTokenHandler("promotions")
            .ConfigurePrimaryHttpMessageHandler(() => new Echo());
        builder.Services.AddSingleton<TangoTokenClient>(fake);
        builder.Services.AddKeyedSingleton<TangoTokenClient>("promotions", promotions);
        using IHost host = builder.Build();
        await host.StartAsync();
        IHttpClientFactory factory = host.Services.GetRequiredService<IHttpClientFactory>();
        Assert.Equal("Bearer fake-token-1", await factory.CreateClient("tango").GetStringAsync(Accounts));
        promotions.IssuesBoundTokens = true;
        Assert.Equal("DPoP fake-token-1 fake-proof-1", await factory.CreateClient("other").GetStringAsync(Accounts));
        await host.StopAsync();
    }

    /// <summary>Responds with the headers of the request.</summary>
    private sealed class Echo : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.TryGetValues("DPoP", out IEnumerable<string>? proof);
            string[] parts = [$"{request.Headers.Authorization}", .. proof ?? []];
            var content = new StringContent(string.Join(' ', parts));
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = content });
        }
    }
}
