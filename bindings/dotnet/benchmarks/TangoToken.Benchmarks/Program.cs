using TangoToken;
using TangoToken.Benchmarks;

// Measures what a call costs while a token is held, beside what people use otherwise:
//
//     tango-sandbox run -- dotnet run --configuration Release --framework net10.0
//     TANGO_DPOP=required tango-sandbox run -- dotnet run --configuration Release --framework net10.0
//
// All cases take turns in each round, so that a busy moment of the machine is in all of them. The figures are the best
// and the median round, in nanoseconds for one call, and the bytes that a call allocates.

using TangoTokenClient client = TangoTokenClient.FromEnvironment();
var uri = new Uri(Environment.GetEnvironmentVariable("TANGO_API_URL") + "/accounts");
using var patience = new CancellationTokenSource();
CancellationToken cancel = patience.Token;
TangoAccessToken token = await client.GetTokenAsync(cancel);
Console.WriteLine($"{token.TokenType} token of {token.Value.Length} characters, .NET {Environment.Version}");
HttpRequestMessage Request() => new(HttpMethod.Get, uri);

using var bare = new HttpMessageInvoker(new Responder());
using var tango = new HttpMessageInvoker(new TangoTokenHandler(client, new Responder()));
using var handWritten = new HttpMessageInvoker(new HandWrittenHandler(token.Value, new Responder()));
var msal = new MsalToken(token.Value);
using var proof = new HandWrittenProof();
using DpopKey key = DpopKey.Generate();

await new Measurement()
    .Add("GetToken", 20_000, () => client.GetToken())
    .Add("GetToken, can be cancelled", 20_000, () => client.GetToken(cancel))
    .AddAsync("GetTokenAsync", 20_000, async () => await client.GetTokenAsync(cancel))
    .AddAsync("MSAL, token from its cache", 2_000, async () => await msal.GetAsync(cancel))
    .Add("Value", 100_000, () => token.Value)
    .AddAsync("no handler", 20_000, async () => await bare.SendAsync(Request(), cancel))
    .AddAsync("hand-written Bearer handler", 10_000, async () => await handWritten.SendAsync(Request(), cancel))
    .AddAsync("TangoTokenHandler, SendAsync", 2_000, async () => await tango.SendAsync(Request(), cancel))
    .Add("TangoTokenHandler, Send", 2_000, () => tango.Send(Request(), cancel))
    .Add("proof, DpopKey ES256", 500, () => key.CreateProof(HttpMethod.Get, uri, token.Value))
    .Add("proof, hand-written, ECDsa", 200, () => proof.Create("GET", uri, token.Value))
    .RunAsync(rounds: 25);
await Measurement.RunOnThreadsAsync("GetToken", 1_000_000, () => client.GetToken());
