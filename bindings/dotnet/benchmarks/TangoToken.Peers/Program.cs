using System.Diagnostics;
using System.Net;
using System.Text;
using Microsoft.Identity.Client;
using TangoToken;

// Measures the library beside what a program would otherwise use, interleaved in one run. See docs/performance.md:
//
//     tango-sandbox run --quota-window-seconds 0 -- dotnet run --configuration Release
//
// MSAL has no account at this server: it gets its token from a handler, and what is measured is a token that it holds.

if (args is ["first-token", string whose])
{
    await GetFirstToken(whose);
    return;
}

var uri = new Uri(Environment.GetEnvironmentVariable("TANGO_API_URL") + "/accounts");
using TangoTokenClient client = TangoTokenClient.FromEnvironment();
using var bound = new TangoTokenClient(new TangoTokenClientOptions { UseEnvironmentVariables = true, Dpop = DpopMode.Required });
using HttpClient http = HandWrittenTokens.Trusting();
using var tokens = new HandWrittenTokens(http);
using var proofs = new HandWrittenProofs();
using DpopKey key = DpopKey.Generate();
IConfidentialClientApplication msal = Msal();
string[] scopes = ["https://api.example/.default"];

TangoAccessToken token = await client.GetTokenAsync();
await bound.GetTokenAsync();
await tokens.GetTokenAsync();
await GetMsalToken(default);
byte[] data = Encoding.ASCII.GetBytes(new string('x', 500));
Console.WriteLine($".NET {Environment.Version}, token of {token.Value.Length} characters, medians of interleaved rounds");

await new Rounds("A held token", 50_000)
    .Add("GetToken", () => client.GetToken())
    .AddAsync("GetTokenAsync", () => client.GetTokenAsync())
    .AddAsync("hand-written, a field and its time", () => tokens.GetTokenAsync())
    .AddAsync("MSAL, AcquireTokenForClient", () => GetMsalToken(default))
    .AddThreads("GetToken, on each of two threads", () => client.GetToken())
    .Add("token.Value", () => token.Value)
    .Report();

using HttpMessageInvoker ours = Invoker(new TangoTokenHandler(client, new Responder()));
using HttpMessageInvoker hand = Invoker(new HandWrittenHandler(cancel => tokens.GetTokenAsync(cancel), null, new Responder()));
using HttpMessageInvoker byMsal = Invoker(new HandWrittenHandler(GetMsalToken, null, new Responder()));
using HttpMessageInvoker bare = Invoker(new Responder());
await new Rounds("An API call with a Bearer token, without the network", 20_000)
    .AddAsync("TangoTokenHandler", () => Send(ours))
    .AddAsync("hand-written handler", () => Send(hand))
    .AddAsync("handler with MSAL", () => Send(byMsal))
    .AddAsync("no handler", () => Send(bare))
    .Report();

using HttpMessageInvoker oursBound = Invoker(new TangoTokenHandler(bound, new Responder()));
using HttpMessageInvoker handBound =
    Invoker(new HandWrittenHandler(cancel => tokens.GetTokenAsync(cancel), proofs, new Responder()));
await new Rounds("An API call with DPoP, without the network", 1_000)
    .AddAsync("TangoTokenHandler", () => Send(oursBound))
    .AddAsync("hand-written handler with ECDsa", () => Send(handBound))
    .Report();

await new Rounds("A proof (ES256, with ath)", 1_000)
    .Add("DpopKey.CreateProof", () => key.CreateProof(HttpMethod.Get, uri, token.Value))
    .Add("hand-written with ECDsa", () => proofs.Create("GET", uri, token.Value))
    .Add("ECDsa.SignData alone", () => proofs.SignBare(data))
    .Report();

await new Rounds("A new process to its first token, over loopback TLS", 1, rounds: 21)
    .AddAsync("TangoTokenClient", () => RunProcess("ours"))
    .AddAsync("hand-written HttpClient", () => RunProcess("hand-written"))
    .AddAsync("neither: an empty program", () => RunProcess("nothing"))
    .Report();

async ValueTask<HttpResponseMessage> Send(HttpMessageInvoker invoker) =>
    await invoker.SendAsync(new HttpRequestMessage(HttpMethod.Get, uri), default);

async ValueTask<string> GetMsalToken(CancellationToken cancellationToken) =>
    (await msal.AcquireTokenForClient(scopes).ExecuteAsync(cancellationToken)).AccessToken;

static HttpMessageInvoker Invoker(HttpMessageHandler handler) => new(handler);

static IConfidentialClientApplication Msal() => ConfidentialClientApplicationBuilder
    .Create("00000000-0000-0000-0000-000000000001")
    .WithClientSecret("a secret")
    .WithAuthority("https://login.example/tenant", validateAuthority: false)
    .WithInstanceDiscovery(false)
    .WithHttpClientFactory(new MsalHttp())
    .Build();

static async Task GetFirstToken(string whose)
{
    if (whose == "ours")
    {
        using TangoTokenClient client = TangoTokenClient.FromEnvironment();
        await client.GetTokenAsync();
    }
    else if (whose == "hand-written")
    {
        using HttpClient http = HandWrittenTokens.Trusting();
        using var tokens = new HandWrittenTokens(http);
        await tokens.GetTokenAsync();
    }
}

static async ValueTask<int> RunProcess(string whose)
{
    var start = new ProcessStartInfo(Environment.ProcessPath!, ["first-token", whose]);
    using Process process = Process.Start(start)!;
    await process.WaitForExitAsync();
    return process.ExitCode == 0 ? 0 : throw new InvalidOperationException($"{whose} failed");
}

/// <summary>An API that takes no time.</summary>
internal sealed class Responder : HttpMessageHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { RequestMessage = request });
}

/// <summary>A token endpoint for MSAL.</summary>
internal sealed class MsalHttp : HttpMessageHandler, IMsalHttpClientFactory
{
    public HttpClient GetHttpClient() => new(this, disposeHandler: false);

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK)
        {
            RequestMessage = request,
            Content = new StringContent(
                $$"""{"token_type":"Bearer","expires_in":86400,"access_token":"{{new string('t', 800)}}"}""",
                Encoding.UTF8, "application/json"),
        });
}
