using System.Diagnostics;
using System.Net;
using TangoToken;

// Measures what each API call costs while a token is held. Run it with a sandbox:
//
//     tango-sandbox run -- dotnet run --configuration Release --framework net10.0
//     TANGO_DPOP=required tango-sandbox run -- dotnet run --configuration Release --framework net10.0
//
// Each figure is the best of several rounds, in nanoseconds for one call, with the bytes that it allocates.

using TangoTokenClient client = TangoTokenClient.FromEnvironment();
var uri = new Uri(Environment.GetEnvironmentVariable("TANGO_API_URL") + "/accounts");
TangoAccessToken token = await client.GetTokenAsync();
using var invoker = new HttpMessageInvoker(new TangoTokenHandler(client, new Responder()));
using var patience = new CancellationTokenSource();
CancellationToken cancellable = patience.Token;

Console.WriteLine($"{token.TokenType} token of {token.Value.Length} characters, .NET {Environment.Version}");
int scale = token.TokenType == "DPoP" ? 20 : 1;

Report("GetToken", 200_000, () => client.GetToken());
Report("GetToken, can be cancelled", 200_000, () => client.GetToken(cancellable));
ReportThreads("GetToken, two threads", 200_000, () => client.GetToken());
await ReportAsync("GetTokenAsync", 200_000, async () => await client.GetTokenAsync(cancellable));
Report("TryGetToken", 200_000, () => client.TryGetToken(out _));
Report("Value", 1_000_000, () => token.Value);
Report("Authorize", 100_000 / scale, () => client.Authorize(HttpMethod.Get, uri));
await ReportAsync("AuthorizeAsync", 100_000 / scale, async () => await client.AuthorizeAsync(HttpMethod.Get, uri));
Report("handler, Send", 50_000 / scale, () => invoker.Send(new HttpRequestMessage(HttpMethod.Get, uri), cancellable));
await ReportAsync("handler, SendAsync", 50_000 / scale,
    async () => await invoker.SendAsync(new HttpRequestMessage(HttpMethod.Get, uri), cancellable));
using var bare = new HttpMessageInvoker(new Responder());
await ReportAsync("no handler, SendAsync", 50_000,
    async () => await bare.SendAsync(new HttpRequestMessage(HttpMethod.Get, uri), cancellable));

static void Report(string name, int count, Func<object?> call) =>
    ReportAsync(name, count, () => new ValueTask<object?>(call())).AsTask().GetAwaiter().GetResult();

static async ValueTask ReportAsync(string name, int count, Func<ValueTask<object?>> call)
{
    for (int i = 0; i < count; i++)
        await call();
    double best = double.MaxValue;
    long bytes = 0;
    for (int round = 0; round < 9; round++)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++)
            await call();
        best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalNanoseconds / count);
        bytes = (GC.GetAllocatedBytesForCurrentThread() - before) / count;
    }
    Console.WriteLine($"{name,-28} {best,10:N1} ns {bytes,8:N0} B");
}

static void ReportThreads(string name, int count, Func<object?> call)
{
    double best = double.MaxValue;
    for (int round = 0; round < 9; round++)
    {
        using var begin = new Barrier(3);
        void Run()
        {
            begin.SignalAndWait();
            for (int i = 0; i < count; i++)
                call();
            begin.SignalAndWait();
        }
        Thread[] threads = [new(Run), new(Run)];
        foreach (Thread thread in threads)
            thread.Start();
        begin.SignalAndWait();
        long start = Stopwatch.GetTimestamp();
        begin.SignalAndWait();
        best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalNanoseconds / count);
        foreach (Thread thread in threads)
            thread.Join();
    }
    Console.WriteLine($"{name,-28} {best,10:N1} ns");
}

// An API that takes no time.
internal sealed class Responder : HttpMessageHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        Task.FromResult(Send(request, cancellationToken));

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) =>
        new(HttpStatusCode.OK) { RequestMessage = request };
}
