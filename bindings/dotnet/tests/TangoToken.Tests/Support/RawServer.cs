using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace TangoToken.Tests.Support;

/// <summary>A request as it arrived.</summary>
internal sealed record RawRequest(string Method, string Path, IReadOnlyDictionary<string, string> Headers, string Body)
{
    internal string? Header(string name) => Headers.GetValueOrDefault(name);

    /// <summary>The payload of the DPoP proof.</summary>
    internal JsonNode Proof => Support.Proof.Payload(
        Header("DPoP") ?? throw new InvalidOperationException("There is no proof."));

    internal string? Nonce => (string?)Proof["nonce"];
}

/// <summary>
/// An API over plain HTTP on loopback whose responses a test writes byte for byte. One connection for each request. A
/// client that goes away ends its connection, and nothing else.
/// </summary>
internal sealed class RawServer : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly Func<RawRequest, Task<string>> respond;
    private readonly ConcurrentQueue<RawRequest> requests = new();
    private readonly ConcurrentQueue<Exception> failures = new();
    private readonly Task accepting;

    internal RawServer(Func<RawRequest, string> respond) : this(request => Task.FromResult(respond(request))) { }

    internal RawServer(Func<RawRequest, Task<string>> respond)
    {
        this.respond = respond;
        listener.Start();
        Uri = new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/");
        accepting = AcceptAsync();
    }

    internal Uri Uri { get; }

    internal IReadOnlyList<RawRequest> Requests => [.. requests];

    /// <summary>Composes a response of a status line, headers and a body.</summary>
    internal static string Response(string status, string body = "", params string[] headers) =>
        $"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n"
        + string.Concat(headers.Select(header => header + "\r\n")) + "\r\n" + body;

    public void Dispose()
    {
        listener.Stop();
        accepting.GetAwaiter().GetResult();
        // A mistake in the test's own function.
        Assert.Empty(failures);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient connection;
            try
            {
                connection = await listener.AcceptTcpClientAsync().ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return; // The test is over.
            }
            _ = Task.Run(() => ServeAsync(connection));
        }
    }

    private async Task ServeAsync(TcpClient connection)
    {
        using (connection)
            try
            {
                NetworkStream stream = connection.GetStream();
                // One character for each byte, so that lengths are those of HTTP.
                using var reader = new StreamReader(stream, Encoding.Latin1, false, 1024, leaveOpen: true);
                if (await ReadAsync(reader).ConfigureAwait(false) is not { } request)
                    return;
                requests.Enqueue(request);
                string response = await respond(request).ConfigureAwait(false);
                await stream.WriteAsync(Encoding.UTF8.GetBytes(response)).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is IOException or SocketException)
            {
                // The client went away.
            }
            catch (Exception exception)
            {
                failures.Enqueue(exception);
            }
    }

    /// <summary>Returns null if the client went away before it had sent a whole request.</summary>
    private static async Task<RawRequest?> ReadAsync(StreamReader reader)
    {
        if (await reader.ReadLineAsync().ConfigureAwait(false) is not { } first)
            return null;
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await reader.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            if (line.Length == 0)
            {
                string? body = headers.ContainsKey("Transfer-Encoding")
                    ? await ReadChunksAsync(reader).ConfigureAwait(false)
                    : await ReadExactlyAsync(reader, LengthOf(headers)).ConfigureAwait(false);
                string[] words = first.Split(' ');
                return body is null ? null : new RawRequest(words[0], words[1], headers, body);
            }
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            headers[line[..colon]] = line[(colon + 1)..].Trim();
        }
        return null;
    }

    private static int LengthOf(Dictionary<string, string> headers) =>
        int.Parse(headers.GetValueOrDefault("Content-Length", "0"), CultureInfo.InvariantCulture);

    private static async Task<string?> ReadChunksAsync(StreamReader reader)
    {
        var body = new StringBuilder();
        while (await reader.ReadLineAsync().ConfigureAwait(false) is { } size)
        {
            int length = Convert.ToInt32(size, 16);
            if (await ReadExactlyAsync(reader, length).ConfigureAwait(false) is not { } chunk)
                return null;
            await reader.ReadLineAsync().ConfigureAwait(false);
            if (length == 0)
                return body.ToString();
            body.Append(chunk);
        }
        return null;
    }

    private static async Task<string?> ReadExactlyAsync(StreamReader reader, int length)
    {
        // Reading nothing would wait for the next byte.
        if (length == 0)
            return "";
        var characters = new char[length];
        int read = await reader.ReadBlockAsync(characters).ConfigureAwait(false);
        return read == length ? new string(characters) : null;
    }
}

/// <summary>Reads DPoP proofs.</summary>
internal static class Proof
{
    internal static JsonNode Payload(string proof)
    {
        string part = proof.Split('.')[1].Replace('-', '+').Replace('_', '/');
        byte[] json = Convert.FromBase64String(part.PadRight((part.Length + 3) / 4 * 4, '='));
        return JsonNode.Parse(json)!;
    }
}
