using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Http.Resilience;
using Polly;

namespace Rewards;

/// <summary>The named clients of the Tango API.</summary>
internal static class TangoApi
{
    internal const string Catalog = "catalog";
    internal const string Orders = "orders";

    internal static void AddTangoApi(this IServiceCollection services, IConfiguration configuration)
    {
        // Retries are outside, the token handler is inside, so that each attempt has the token of its moment and a
        // proof of its own: an API refuses a proof that it has seen. AddTangoTokenHandler makes its handler the
        // innermost one wherever it is called.
        services.AddClient(Catalog, configuration)
            .AddTangoTokenHandler()
            .AddResilienceHandler("catalog", pipeline => pipeline
                .AddTimeout(TimeSpan.FromSeconds(60))
                .AddRetry(new HttpRetryStrategyOptions
                {
                    MaxRetryAttempts = 3,
                    BackoffType = DelayBackoffType.Exponential,
                    UseJitter = true,
                    Delay = TimeSpan.FromMilliseconds(200),
                })
                // At least the time that a call may wait for a token: TANGO_TOTAL_TIMEOUT_MS.
                .AddTimeout(TimeSpan.FromSeconds(30)));

        // An order that is repeated can be placed twice.
        services.AddClient(Orders, configuration)
            .AddTangoTokenHandler()
            .AddStandardResilienceHandler(options =>
            {
                options.Retry.DisableForUnsafeHttpMethods();
                options.AttemptTimeout.Timeout = TimeSpan.FromSeconds(30);
                options.TotalRequestTimeout.Timeout = TimeSpan.FromSeconds(60);
                options.CircuitBreaker.SamplingDuration = TimeSpan.FromSeconds(60); // twice the attempt's time, or more
            });
    }

    private static IHttpClientBuilder AddClient(
        this IServiceCollection services, string name, IConfiguration configuration) => services
        .AddHttpClient(name, http =>
        {
            http.BaseAddress = new Uri(configuration["TANGO_API_URL"] + "/");
            http.Timeout = Timeout.InfiniteTimeSpan; // the pipeline has the time limits
        })
        .ConfigurePrimaryHttpMessageHandler(() => PrimaryHandler(configuration["TANGO_CA_FILE"]));

    // TANGO_CA_FILE is for the token endpoint alone; the sandbox's API needs the same file here.
    private static SocketsHttpHandler PrimaryHandler(string? caFile)
    {
        var handler = new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(2) };
        if (caFile is { Length: > 0 })
        {
            var policy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            policy.CustomTrustStore.ImportFromPemFile(caFile);
            handler.SslOptions.CertificateChainPolicy = policy;
        }
        return handler;
    }
}
