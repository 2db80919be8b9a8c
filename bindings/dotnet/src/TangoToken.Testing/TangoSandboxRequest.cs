using System.Text.Json;

namespace TangoToken.Testing;

/// <summary>A request that the sandbox received. It contains the secrets that were sent.</summary>
public sealed class TangoSandboxRequest
{
    internal TangoSandboxRequest(JsonElement request)
    {
        Method = request.GetProperty("method").GetString()!;
        Path = request.GetProperty("path").GetString()!;
        Body = request.GetProperty("body").GetString()!;
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (JsonProperty header in request.GetProperty("headers").EnumerateObject())
            headers[header.Name] = header.Value.ValueKind == JsonValueKind.Array
                ? string.Join(", ", header.Value.EnumerateArray().Select(value => value.GetString()))
                : header.Value.GetString()!;
        Headers = headers;
    }

    /// <summary>Gets the HTTP method.</summary>
    public string Method { get; }

    /// <summary>Gets the path, with the query.</summary>
    public string Path { get; }

    /// <summary>Gets the headers; several of one name are joined by <c>, </c> (RFC 9110 section 5.3).</summary>
    public IReadOnlyDictionary<string, string> Headers { get; }

    /// <summary>Gets the body.</summary>
    public string Body { get; }

    /// <summary>Returns the method and the path, never a header or the body.</summary>
    public override string ToString() => $"{Method} {Path}";
}
