using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Http;
using Microsoft.Extensions.Http.Resilience;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using NSubstitute;
using Polly;
using TangoToken.Extensions.DependencyInjection.Tests.Support;

namespace TangoToken.Extensions.DependencyInjection.Tests;

/// <summary><c>AddTangoTokenHandler</c> and the HTTP client factory.</summary>
public sealed class HttpClientTests
{
    [Fact]
    public async Task one_line_sets_up_an_http_client()
    {
        using var sandbox = new Sandbox();
        await using ServiceProvider services = Services(sandbox, http => http.AddTangoTokenHandler());
        using HttpClient http = services.GetRequiredService<IHttpClientFactory>().CreateClient("tango");
        for (int call = 0; call < 3; call++)
            Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(sandbox.Api("/accounts"), Cancel)).StatusCode);
        Assert.Equal(1, await sandbox.Count("token_requests"));
    }

    [Fact]
    public async Task typed_client_has_the_tokens_of_its_name()
    {
        using var rewards = new Sandbox("--client-id", "rewards");
        using var promotions = new Sandbox("--client-id", "promotions");
        var services = new ServiceCollection();
        services.AddTangoToken("rewards", rewards.Section()).AddTangoToken("promotions", promotions.Section());
        services.AddHttpClient<Rewards>()
            .ConfigurePrimaryHttpMessageHandler(rewards.Trusting).AddTangoTokenHandler("rewards");
        services.AddHttpClient<Promotions>()
            .ConfigurePrimaryHttpMessageHandler(promotions.Trusting).AddTangoTokenHandler("promotions");
        await using ServiceProvider provider = services.BuildServiceProvider();
        await provider.GetRequiredService<Rewards>().Http.GetStringAsync(rewards.Api("/accounts"), Cancel);
        await provider.GetRequiredService<Promotions>().Http.GetStringAsync(promotions.Api("/accounts"), Cancel);
        Assert.Contains("client_id=rewards", Assert.Single(await rewards.TokenRequests()));
        Assert.Contains("client_id=promotions", Assert.Single(await promotions.TokenRequests()));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task redirects_are_returned(bool isHttpClientHandler, bool isSetAfterwards)
    {
        using var sandbox = new Sandbox();
        await using ServiceProvider services = Services(sandbox, http =>
        {
            if (!isSetAfterwards)
                http.AddTangoTokenHandler();
            http.ConfigurePrimaryHttpMessageHandler(() => isHttpClientHandler
                ? new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, _, _, _) => true }
                : sandbox.Trusting());
            if (isSetAfterwards)
                http.AddTangoTokenHandler();
        });
        await sandbox.Script(new
        {
            path = "/raas/v2/accounts",
            status = 307,
            headers = new { Location = sandbox.Api("/catalogs").ToString() },
        });
        using HttpClient http = services.GetRequiredService<IHttpClientFactory>().CreateClient("tango");
        using HttpResponseMessage response = await http.GetAsync(sandbox.Api("/accounts"), Cancel);
        Assert.Equal(HttpStatusCode.TemporaryRedirect, response.StatusCode);
        Assert.Equal(1, await sandbox.Count("api_requests"));
    }

    [Fact]
    public async Task primary_handler_of_the_factory_follows_no_redirects_and_keeps_its_settings()
    {
        using var sandbox = new Sandbox();
        var services = new ServiceCollection();
        services.AddTangoToken(sandbox.Section());
        HttpMessageHandler? primary = null;
        services.AddHttpClient("tango").AddTangoTokenHandler();
        services.AddSingleton<IHttpMessageHandlerBuilderFilter>(new Spy(builder => primary = builder.PrimaryHandler));
        await using ServiceProvider provider = services.BuildServiceProvider();
        provider.GetRequiredService<IHttpClientFactory>().CreateClient("tango");
        SocketsHttpHandler sockets = Assert.IsType<SocketsHttpHandler>(primary);
        Assert.False(sockets.AllowAutoRedirect);
        Assert.Equal(TimeSpan.FromMinutes(2), sockets.PooledConnectionLifetime);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task each_attempt_of_a_resilience_handler_has_a_proof_of_its_own(bool isAddedAfterOurs)
    {
        using var sandbox = new Sandbox("--dpop", "strict");
        var proofs = new ConcurrentBag<string>();
        await using ServiceProvider services = Services(
            sandbox,
            http =>
            {
                if (isAddedAfterOurs)
                    http.AddTangoTokenHandler();
                http.AddStandardResilienceHandler()
                    .Configure(options => options.Retry.Delay = TimeSpan.FromMilliseconds(1));
                if (!isAddedAfterOurs)
                    http.AddTangoTokenHandler();
                http.ConfigurePrimaryHttpMessageHandler(() => new ProofRecorder(proofs, sandbox.Trusting()));
            },
            ("Dpop", "Required"));
        await sandbox.Script(Enumerable.Repeat<object>(new { path = "/raas/v2/accounts", status = 503 }, 2).ToArray());
        using HttpClient http = services.GetRequiredService<IHttpClientFactory>().CreateClient("tango");
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(sandbox.Api("/accounts"), Cancel)).StatusCode);
        Assert.Equal(3, proofs.Count);
        Assert.Equal(3, proofs.Distinct().Count());
    }

    [Fact]
    public async Task log_of_the_factory_shows_no_header_by_default()
    {
        string log = await LogOfACall(_ => { });
        Assert.Contains("Authorization: *", log);
        Assert.DoesNotContain("application/xml", log);
    }

    /// <summary>
    /// On version 10 every header is redacted, until RedactLoggedHeaders names some: then all others are shown, the
    /// token among them.
    /// </summary>
    [Fact]
    public async Task log_of_the_factory_shows_no_token_after_other_headers_are_redacted()
    {
        string log = await LogOfACall(http => http.RedactLoggedHeaders(["X-Custom"]));
        Assert.Contains("application/xml", log);
        Assert.Contains("Authorization: *", log);
        Assert.Contains("DPoP: *", log);
    }

    [Fact]
    public async Task log_of_the_factory_would_show_the_token_without_our_redaction()
    {
        string log = await LogOfACall(
            http => http.RedactLoggedHeaders(["X-Custom"]),
            http => http.AddHttpMessageHandler(
                services => new TangoTokenHandler(services.GetRequiredService<TangoTokenClient>())));
        Assert.Contains("Authorization: DPoP ey", log);
    }

    [Fact]
    public async Task handler_without_its_client_says_what_to_call()
    {
        var services = new ServiceCollection();
        services.AddHttpClient("plain").AddTangoTokenHandler();
        services.AddHttpClient("named").AddTangoTokenHandler("rewards");
        await using ServiceProvider provider = services.BuildServiceProvider();
        IHttpClientFactory factory = provider.GetRequiredService<IHttpClientFactory>();
        Assert.Contains(
            "call AddTangoToken(...)",
            Assert.Throws<InvalidOperationException>(() => factory.CreateClient("plain")).Message);
        Assert.Contains(
            "call AddTangoToken(\"rewards\", ...)",
            Assert.Throws<InvalidOperationException>(() => factory.CreateClient("named")).Message);
    }

    [Fact]
    public async Task second_handler_of_the_same_client_changes_nothing()
    {
        using var sandbox = new Sandbox();
        await using ServiceProvider services = Services(
            sandbox, http => http.AddTangoTokenHandler().AddTangoTokenHandler());
        using HttpClient http = services.GetRequiredService<IHttpClientFactory>().CreateClient("tango");
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(sandbox.Api("/accounts"), Cancel)).StatusCode);
    }

    [Fact]
    public void second_handler_of_another_client_is_refused()
    {
        IHttpClientBuilder http = new ServiceCollection().AddHttpClient("tango").AddTangoTokenHandler("rewards");
        InvalidOperationException error =
            Assert.Throws<InvalidOperationException>(() => http.AddTangoTokenHandler("promotions"));
        Assert.Contains("one HTTP client for each account", error.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task handler_of_one_http_client_wins_over_the_one_of_all(bool isForAllFirst)
    {
        using var rewards = new Sandbox("--client-id", "rewards");
        using var promotions = new Sandbox("--client-id", "promotions");
        var services = new ServiceCollection();
        // Both accounts are for the same API, which accepts either.
        services.AddTangoToken("rewards", rewards.Section(("ApiUrl", promotions["TANGO_API_URL"])));
        services.AddTangoToken("promotions", promotions.Section());
        if (isForAllFirst)
            services.ConfigureHttpClientDefaults(http => http.AddTangoTokenHandler("rewards"));
        services.AddHttpClient("promotions")
            .ConfigurePrimaryHttpMessageHandler(promotions.Trusting).AddTangoTokenHandler("promotions");
        if (!isForAllFirst)
            services.ConfigureHttpClientDefaults(http => http.AddTangoTokenHandler("rewards"));
        await using ServiceProvider provider = services.BuildServiceProvider();
        using HttpClient http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("promotions");
        using HttpResponseMessage response = await http.GetAsync(promotions.Api("/accounts"), Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Empty(await rewards.TokenRequests());
    }

    [Fact]
    public async Task substitute_takes_the_place_of_a_client()
    {
        TangoTokenClient substitute = Substitute.For<TangoTokenClient>();
        var authorization = new RequestAuthorization("Bearer", "for-a-test", null);
        substitute.AuthorizeAsync(default!, default!, default).ReturnsForAnyArgs(authorization);
        string? sent = null;
        var services = new ServiceCollection();
        services.AddTangoToken(options => options.ClientId = "not used");
        services.AddSingleton(substitute);
        services.AddHttpClient("tango").AddTangoTokenHandler()
            .ConfigurePrimaryHttpMessageHandler(
                () => new Responder(request => sent = request.Headers.Authorization?.ToString()));
        await using ServiceProvider provider = services.BuildServiceProvider();
        using HttpClient http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("tango");
        await http.GetAsync(new Uri("https://api.example/accounts"), Cancel);
        Assert.Equal("Bearer for-a-test", sent);
    }

    /// <summary>
    /// A call that waits for a connection has a proof that grows old. Where the connections are limited, the handler
    /// waits first; where they are not, a limiter outside of it can.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task calls_that_wait_have_fresh_proofs_when_they_are_sent(bool isLimitedByConnections)
    {
        using var sandbox = new Sandbox(
            "--dpop", "strict", "--dpop-nonce", "required", "--dpop-nonce-lifetime-seconds", "2", "--latency-ms", "20");
        const int connections = 4;
        await using ServiceProvider services = Services(
            sandbox,
            http =>
            {
                http.AddTangoTokenHandler();
                if (!isLimitedByConnections)
                    http.AddResilienceHandler(
                        "calls", pipeline => pipeline.AddConcurrencyLimiter(connections, int.MaxValue));
                http.ConfigurePrimaryHttpMessageHandler(() =>
                {
                    SocketsHttpHandler sockets = sandbox.Trusting();
                    if (isLimitedByConnections)
                        sockets.MaxConnectionsPerServer = connections;
                    return sockets;
                });
            },
            ("Dpop", "Required"));
        using HttpClient http = services.GetRequiredService<IHttpClientFactory>().CreateClient("tango");
        HttpResponseMessage[] responses = await Task.WhenAll(
            Enumerable.Range(0, 1500).Select(_ => http.GetAsync(sandbox.Api("/accounts"), Cancel)));
        Assert.All(responses, response => Assert.Equal(HttpStatusCode.OK, response.StatusCode));
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static ServiceProvider Services(
        Sandbox sandbox, Action<IHttpClientBuilder> add, params (string Key, string Value)[] changes)
    {
        var services = new ServiceCollection();
        services.AddTangoToken(sandbox.Section(changes));
        add(services.AddHttpClient("tango").ConfigurePrimaryHttpMessageHandler(sandbox.Trusting));
        return services.BuildServiceProvider();
    }

    /// <summary>Returns what the factory logs of a call, at the level that shows headers.</summary>
    private static async Task<string> LogOfACall(
        Action<IHttpClientBuilder> configure, Action<IHttpClientBuilder>? addHandler = null)
    {
        using var sandbox = new Sandbox("--dpop", "strict");
        var log = new FakeLogCollector();
        var services = new ServiceCollection();
        services.AddLogging(
            logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(new FakeLoggerProvider(log)));
        services.AddTangoToken(sandbox.Section(("Dpop", "Required")));
        IHttpClientBuilder builder =
            services.AddHttpClient("tango").ConfigurePrimaryHttpMessageHandler(sandbox.Trusting);
        (addHandler ?? (http => http.AddTangoTokenHandler()))(builder);
        configure(builder);
        await using ServiceProvider provider = services.BuildServiceProvider();
        using HttpClient http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("tango");
        http.DefaultRequestHeaders.Add("Accept", "application/xml");
        using HttpResponseMessage response = await http.GetAsync(sandbox.Api("/accounts"), Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return string.Join('\n', log.GetSnapshot()
            .Where(record => record.Category!.StartsWith("System.Net.Http", StringComparison.Ordinal))
            .Select(record => record.Message));
    }

    private sealed record Rewards(HttpClient Http);

    private sealed record Promotions(HttpClient Http);

    private sealed class Spy(Action<HttpMessageHandlerBuilder> see) : IHttpMessageHandlerBuilderFilter
    {
        public Action<HttpMessageHandlerBuilder> Configure(Action<HttpMessageHandlerBuilder> next) => builder =>
        {
            next(builder);
            see(builder);
        };
    }

    private sealed class ProofRecorder(ConcurrentBag<string> proofs, HttpMessageHandler inner)
        : DelegatingHandler(inner)
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            proofs.Add(request.Headers.GetValues("DPoP").Single());
            return base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class Responder(Action<HttpRequestMessage> see) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            see(request);
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { RequestMessage = request });
        }
    }
}
