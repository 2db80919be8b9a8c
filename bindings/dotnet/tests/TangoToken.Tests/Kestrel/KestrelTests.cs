using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Http;

namespace TangoToken.Tests.Kestrel;

/// <summary>Against Kestrel: connections that stay open and are shared by many calls.</summary>
public class KestrelTests
{
    [Fact]
    public async Task Order_is_sent_again_on_the_same_connection_after_a_nonce()
    {
        var bodies = new List<string>();
        await using KestrelServer api = await KestrelServer.StartAsync(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            bodies.Add(await reader.ReadToEndAsync());
            if ((string?)KestrelServer.ProofOf(context)["nonce"] == "n1")
            {
                context.Response.StatusCode = StatusCodes.Status201Created;
                return;
            }
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            context.Response.Headers.WWWAuthenticate = "DPoP error=\"use_dpop_nonce\"";
            context.Response.Headers["DPoP-Nonce"] = "n1";
        });
        using var sandbox = new Sandbox("--dpop strict");
        using TangoTokenClient client = Client(sandbox, api);
        using var http = new HttpClient(
            new TangoTokenHandler(client, new SocketsHttpHandler { AllowAutoRedirect = false }));
        using HttpResponseMessage response = await http.PostAsJsonAsync(new Uri(api.Uri, "orders"), Orders());
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        Assert.Equal(["[1,2,3]", "[1,2,3]"], bodies);
        Assert.Equal(1, api.Connections);
    }

    // Proofs of calls that wait for a connection would carry nonces that have expired meanwhile.
    [Fact]
    public async Task Nonces_of_one_use_do_not_expire_while_calls_wait_for_a_connection()
    {
        var gate = new object();
        int current = 0;
        await using KestrelServer api = await KestrelServer.StartAsync(async context =>
        {
            string? nonce = (string?)KestrelServer.ProofOf(context)["nonce"];
            bool isFresh;
            lock (gate)
            {
                // A nonce is good for as long as 100 further requests take, fewer than those that wait.
                current++;
                isFresh = nonce is not null && current - int.Parse(nonce, CultureInfo.InvariantCulture) <= 100;
                context.Response.Headers["DPoP-Nonce"] = current.ToString(
                    CultureInfo.InvariantCulture);
            }
            await Task.Yield();
            if (isFresh)
                return;
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            context.Response.Headers.WWWAuthenticate = "DPoP error=\"use_dpop_nonce\"";
        });
        using var sandbox = new Sandbox("--dpop strict");
        using TangoTokenClient client = Client(sandbox, api);
        using var http = new HttpClient(new TangoTokenHandler(client, new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            MaxConnectionsPerServer = 16,
        }));
        HttpStatusCode[] statuses = await Task.WhenAll(Enumerable.Range(0, 2000).Select(async i =>
        {
            using HttpResponseMessage response = await http.GetAsync(new Uri(api.Uri, $"{i}"));
            return response.StatusCode;
        }));
        Assert.All(statuses, status => Assert.Equal(HttpStatusCode.OK, status));
        Assert.InRange(api.Connections, 1, 16);
    }

    [Fact]
    public async Task Cancelled_call_leaves_the_others_on_their_connections()
    {
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using KestrelServer api = await KestrelServer.StartAsync(async context =>
        {
            if (context.Request.Path != "/slow")
                return;
            arrived.SetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        });
        using var sandbox = new Sandbox();
        using TangoTokenClient client = Client(sandbox, api, DpopMode.Off);
        using var http = new HttpClient(
            new TangoTokenHandler(client, new SocketsHttpHandler { AllowAutoRedirect = false }));
        using var cancel = new CancellationTokenSource();
        Task<HttpResponseMessage> slow = http.GetAsync(new Uri(api.Uri, "slow"), cancel.Token);
        await arrived.Task;
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => slow);
        using HttpResponseMessage response = await http.GetAsync(api.Uri);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(1, sandbox.TokenRequests);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Timeout_ends_a_call_whose_refusal_never_ends(bool isAsync)
    {
        await using KestrelServer api = await KestrelServer.StartAsync(async context =>
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            context.Response.ContentType = "application/json";
            context.Response.Headers.WWWAuthenticate = "DPoP error=\"invalid_dpop_proof\"";
            await context.Response.WriteAsync("{\"message\": \"");
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        });
        using var sandbox = new Sandbox("--dpop strict");
        using TangoTokenClient client = Client(sandbox, api);
        await client.GetTokenAsync();
        using var http = new HttpClient(
            new TangoTokenHandler(client, new SocketsHttpHandler { AllowAutoRedirect = false }))
        {
            Timeout = TimeSpan.FromMilliseconds(500),
        };
        var watch = Stopwatch.StartNew();
        await Assert.ThrowsAsync<TaskCanceledException>(() => isAsync
            ? http.GetAsync(api.Uri)
            : Task.Run(() => http.Send(new HttpRequestMessage(HttpMethod.Get, api.Uri))));
        // .NET would wait for the rest of the body for two seconds more.
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(0.4), TimeSpan.FromSeconds(2.3));
    }

    private static TangoTokenClient Client(Sandbox sandbox, KestrelServer api, DpopMode mode = DpopMode.Required)
    {
        TangoTokenClientOptions options = sandbox.Options();
        (options.ApiUrl, options.Dpop) = (api.Uri.AbsoluteUri, mode);
        return new TangoTokenClient(options);
    }

    private static IEnumerable<int> Orders()
    {
        for (int i = 1; i <= 3; i++)
            yield return i;
    }
}
