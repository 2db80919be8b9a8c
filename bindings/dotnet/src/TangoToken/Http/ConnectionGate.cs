using System.Collections.Concurrent;
using System.Net;

namespace TangoToken.Http;

/// <summary>
/// Lets as many requests with a proof pass as the inner handler has connections. A proof that waits for a connection
/// gets old, or its nonce does, and the API then rejects it: so requests wait before their proof is made.
/// </summary>
internal sealed class ConnectionGate
{
    private readonly int connections;
    private readonly ConcurrentDictionary<(string Scheme, string Host, int Port), SemaphoreSlim> servers = new();

    private ConnectionGate(int connections) => this.connections = connections;

    /// <summary>
    /// Returns a gate for a handler that limits its connections; null if it opens as many as it needs.
    /// </summary>
    internal static ConnectionGate? Of(HttpMessageHandler? handler)
    {
        while (handler is DelegatingHandler outer)
            handler = outer.InnerHandler;
        int connections = handler switch
        {
            HttpClientHandler client => client.MaxConnectionsPerServer,
            SocketsHttpHandler sockets => sockets.MaxConnectionsPerServer,
            _ => int.MaxValue,
        };
        return connections == int.MaxValue ? null : new ConnectionGate(connections);
    }

    /// <summary>Waits for a turn; null for a request that can share a connection, as with HTTP/2.</summary>
    internal async ValueTask<SemaphoreSlim?> EnterAsync(
        HttpRequestMessage request, Uri uri, bool isAsync, CancellationToken cancellationToken)
    {
        if (request.Version >= HttpVersion.Version20
            || request.VersionPolicy == HttpVersionPolicy.RequestVersionOrHigher)
            return null;
        SemaphoreSlim server = servers.GetOrAdd((uri.Scheme, uri.Host, uri.Port), _ => new SemaphoreSlim(connections));
        if (isAsync)
            await server.WaitAsync(cancellationToken).ConfigureAwait(false);
        else
            server.Wait(cancellationToken);
        return server;
    }
}
