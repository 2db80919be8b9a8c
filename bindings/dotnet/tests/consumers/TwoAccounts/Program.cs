using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TangoToken;

// Two servers: REWARDS_TANGO_TOKEN_URL and so on, and PROMOTIONS_...
HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
foreach (string account in new[] { "Rewards", "Promotions" })
{
    string Variable(string name) => builder.Configuration[$"{account.ToUpperInvariant()}_TANGO_{name}"]!;
    builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
    {
        [$"{account}:TokenUrl"] = Variable("TOKEN_URL"),
        [$"{account}:ApiUrl"] = Variable("API_URL"),
        [$"{account}:CaFile"] = Variable("CA_FILE"),
        [$"{account}:Proxy"] = "none",
        [$"{account}:ClientId"] = Variable("CLIENT_ID"),
        [$"{account}:ClientSecret"] = Variable("CLIENT_SECRET"),
        [$"{account}:Username"] = Variable("USERNAME"),
        [$"{account}:Password"] = Variable("PASSWORD"),
        [$"{account}:Dpop"] = "Required",
    });
    builder.Services.AddTangoToken(account, builder.Configuration.GetSection(account));
}

using IHost host = builder.Build();
await host.StartAsync();
foreach (string account in new[] { "Rewards", "Promotions" })
{
    TangoTokenClient client = host.Services.GetRequiredKeyedService<TangoTokenClient>(account);
    TangoAccessToken token = await client.GetTokenAsync();
    Console.WriteLine($"{account}: {token.TokenType}");
}
await host.StopAsync();
