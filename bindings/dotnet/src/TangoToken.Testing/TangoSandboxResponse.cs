using System.Text.Json.Nodes;

namespace TangoToken.Testing;

/// <summary>A response for the next request of a path, in the place of the sandbox's own.</summary>
public sealed class TangoSandboxResponse
{
    /// <summary>Gets the path of the request. Default: that of the token endpoint.</summary>
    public string Path { get; init; } = "/oauth/token";

    /// <summary>Gets the HTTP status. Default: 200.</summary>
    public int Status { get; init; } = 200;

    /// <summary>Gets the headers; only <c>Content-Length</c> is added to them.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>Gets the body.</summary>
    public string Body { get; init; } = "";

    /// <summary>Gets the time to wait before the response.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>
    /// Gets what becomes of the connection: <c>close</c> without a response, <c>truncate</c> before the end of the
    /// body, or <c>hang</c>; <c>null</c> for a response.
    /// </summary>
    public string? Fault { get; init; }

    internal JsonNode ToJson()
    {
        var headers = new JsonObject();
        foreach ((string name, string value) in Headers)
            headers[name] = value;
        var response = new JsonObject
        {
            ["path"] = Path,
            ["status"] = Status,
            ["headers"] = headers,
            ["body"] = Body,
            ["delay_ms"] = (long)Delay.TotalMilliseconds,
        };
        if (Fault is not null)
            response["fault"] = Fault;
        return response;
    }
}
