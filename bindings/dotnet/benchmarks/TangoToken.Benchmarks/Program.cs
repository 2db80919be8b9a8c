using TangoToken;
using TangoToken.Benchmarks;

// Measures what a call costs while a token is held, and what a new process needs, beside what people use otherwise:
//
//     tango-sandbox run --quota-window-seconds 0 -- dotnet run --configuration Release --framework net10.0
//
// All cases take turns in each round, so that a busy moment of the machine is in all of them. The figures are the best
// and the median round, in nanoseconds for one call, and the bytes that a call allocates.

if (args is ["first-token", string way])
{
    await FirstToken.GetAsync(way);
    return;
}

using TangoTokenClient client = TangoTokenClient.FromEnvironment();
using var bound = new TangoTokenClient(
    new TangoTokenClientOptions { UseEnvironmentVariables = true, Dpop = DpopMode.Required });
var uri = new Uri(Environment.GetEnvironmentVariable("TANGO_API_URL") + "/accounts");
using var patience = new CancellationTokenSource();
CancellationToken cancel = patience.Token;
TangoAccessToken token = await client.GetTokenAsync(cancel);
await bound.GetTokenAsync(cancel);
Console.WriteLine($"{token.TokenType} token of {token.Value.Length} characters, .NET {Environment.Version}");
HttpRequestMessage Request() => new(HttpMethod.Get, uri);

using var proof = new HandWrittenProof();
using DpopKey key = DpopKey.Generate();
using var bare = new HttpMessageInvoker(new Responder());
using var tango = new HttpMessageInvoker(new TangoTokenHandler(client, new Responder()));
using var tangoBound = new HttpMessageInvoker(new TangoTokenHandler(bound, new Responder()));
using var handWritten = new HttpMessageInvoker(new HandWrittenHandler(token.Value, null, new Responder()));
using var handWrittenBound = new HttpMessageInvoker(new HandWrittenHandler(token.Value, proof, new Responder()));
var msal = new MsalToken(token.Value);

await new Measurement()
    .Add("GetToken", 20_000, () => client.GetToken())
    .Add("GetToken, can be cancelled", 20_000, () => client.GetToken(cancel))
    .AddAsync("GetTokenAsync", 20_000, async () => await client.GetTokenAsync(cancel))
    .AddAsync("MSAL, token from its cache", 2_000, async () => await msal.GetAsync(cancel))
    .Add("Value", 100_000, () => token.Value)
    .AddAsync("no handler", 20_000, async () => await bare.SendAsync(Request(), cancel))
    .AddAsync("hand-written handler, Bearer", 10_000, async () => await handWritten.SendAsync(Request(), cancel))
    .AddAsync("TangoTokenHandler, Bearer", 2_000, async () => await tango.SendAsync(Request(), cancel))
    .Add("TangoTokenHandler, Bearer, Send", 2_000, () => tango.Send(Request(), cancel))
    .AddAsync("hand-written handler, DPoP", 200, async () => await handWrittenBound.SendAsync(Request(), cancel))
    .AddAsync("TangoTokenHandler, DPoP", 500, async () => await tangoBound.SendAsync(Request(), cancel))
    .Add("proof, DpopKey ES256", 500, () => key.CreateProof(HttpMethod.Get, uri, token.Value))
    .Add("proof, hand-written, ECDsa", 200, () => proof.Create("GET", uri, token.Value))
    .Add("ECDsa.SignData alone", 200, () => proof.Sign("as long as the start of a proof"u8.ToArray()))
    .RunAsync(rounds: 25);
await Measurement.RunOnThreadsAsync("GetToken", 1_000_000, () => client.GetToken());
Console.WriteLine("A new process to its first token, the start of .NET included");
await new Measurement()
    .AddAsync("TangoTokenClient", 1, () => FirstToken.RunProcessAsync("TangoTokenClient"))
    .AddAsync("hand-written HttpClient", 1, () => FirstToken.RunProcessAsync("HttpClient"))
    .AddAsync("a process without a token", 1, () => FirstToken.RunProcessAsync("nothing"))
    .RunAsync(rounds: 15);
