using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace TangoToken.Tests.Kestrel;

/// <summary>An API on Kestrel, over HTTP on loopback, with connections that stay open.</summary>
internal sealed class KestrelServer : IAsyncDisposable
{
    private readonly WebApplication application;
    private readonly ConcurrentQueue<string> connections = new();

    private KestrelServer(WebApplication application) => this.application = application;

    internal Uri Uri { get; private set; } = null!;

    /// <summary>How many connections carried requests.</summary>
    internal int Connections => connections.Distinct().Count();

    internal int Requests => connections.Count;

    internal static async Task<KestrelServer> StartAsync(RequestDelegate handle)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication application = builder.Build();
        var server = new KestrelServer(application);
        application.Run(context =>
        {
            server.connections.Enqueue(context.Connection.Id);
            return handle(context);
        });
        await application.StartAsync();
        server.Uri = new Uri(application.Urls.Single() + "/");
        return server;
    }

    internal static JsonNode ProofOf(HttpContext context) => Proof.Payload(context.Request.Headers["DPoP"].Single()!);

    public async ValueTask DisposeAsync() => await application.DisposeAsync();
}
