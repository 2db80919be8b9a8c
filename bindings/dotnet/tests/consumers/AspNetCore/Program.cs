using System.Security.Cryptography.X509Certificates;
using TangoToken;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.Services.AddTangoToken();
var api = new Uri(builder.Configuration["TANGO_API_URL"] + "/");
builder.Services.AddHttpClient("tango", http => http.BaseAddress = api)
    .AddTangoTokenHandler()
    .ConfigurePrimaryHttpMessageHandler(() =>
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.ImportFromPemFile(builder.Configuration["TANGO_CA_FILE"]!);
        return new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = policy } };
    });
builder.WebHost.UseUrls("http://127.0.0.1:0");

await using WebApplication application = builder.Build();
application.MapGet("/accounts", (IHttpClientFactory factory, CancellationToken cancel) =>
    factory.CreateClient("tango").GetStringAsync("accounts", cancel));
application.MapGet("/ready", (TangoTokenClient client) => client.TryGetToken(out _) ? "ready" : "not yet");
await application.StartAsync();

using var http = new HttpClient { BaseAddress = new Uri(application.Urls.Single()) };
Console.WriteLine(await http.GetStringAsync("/ready"));
await http.GetStringAsync("/accounts");
Console.WriteLine(await http.GetStringAsync("/ready"));
await application.StopAsync();
