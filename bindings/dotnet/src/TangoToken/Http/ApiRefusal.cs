using System.Text.Json;
using System.Text.RegularExpressions;

namespace TangoToken.Http;

/// <summary>Completes the error for a refused request with what the API said.</summary>
internal static partial class ApiRefusal
{
    private const int LongestBody = 64 * 1024;
    private const int LongestString = 1000;
    private const int SecretPart = 16;
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(5);

    /// <summary>Reads the response, and returns the error with its request ID and Tango's JSON.</summary>
    internal static async ValueTask<TangoTokenException> DescribeAsync(
        TangoTokenException error, HttpResponseMessage response, RequestAuthorization authorization, bool isAsync,
        CancellationToken cancellationToken)
    {
        byte[] body = await ReadAsync(response, isAsync, cancellationToken).ConfigureAwait(false);
        (string? message, string? i18nKey, string? requestId) = Parse(body);
        requestId = ResponseHeaders.Read(response, "X-REQUEST-ID") ?? requestId;
        return new TangoTokenException(error.Message, error.InnerException)
        {
            ErrorCode = error.ErrorCode,
            StatusCode = error.StatusCode ?? response.StatusCode,
            OAuthError = error.OAuthError,
            OAuthErrorDescription = error.OAuthErrorDescription,
            I18nKey = error.I18nKey ?? Clean(i18nKey, authorization),
            ServerMessage = error.ServerMessage ?? Clean(message, authorization),
            RequestId = error.RequestId ?? Clean(requestId, authorization),
            RetryAfter = error.RetryAfter,
        };
    }

    /// <summary>
    /// Reads a bounded part of the body. What cannot be read is left out: the error is known without it.
    /// </summary>
    private static async ValueTask<byte[]> ReadAsync(
        HttpResponseMessage response, bool isAsync, CancellationToken cancellationToken)
    {
        string type = response.Content.Headers.ContentType?.MediaType ?? "";
        if (!type.EndsWith("json", StringComparison.OrdinalIgnoreCase))
            return [];
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeLimit);
        try
        {
            // A blocking read takes no token, so it has a thread of its own; it ends with its response.
            Task<byte[]> reading = isAsync
                ? ReadBodyAsync(response.Content, limit.Token)
                : Task.Factory.StartNew(
                    () => ReadBody(response.Content), CancellationToken.None, TaskCreationOptions.LongRunning,
                    TaskScheduler.Default);
            Task<byte[]> limited = reading.UntilCancelled(limit.Token);
            return isAsync ? await limited.ConfigureAwait(false) : limited.GetAwaiter().GetResult();
        }
        catch (Exception)
        {
            // Each stream has exceptions of its own, such as InvalidDataException for what is not gzip.
            cancellationToken.ThrowIfCancellationRequested();
            return [];
        }
    }

    private static async Task<byte[]> ReadBodyAsync(HttpContent content, CancellationToken cancellationToken)
    {
        var body = new byte[LongestBody];
        Stream stream = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        int length = await stream.ReadAtLeastAsync(
            body, body.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        return body[..length];
    }

    private static byte[] ReadBody(HttpContent content)
    {
        var body = new byte[LongestBody];
        int length = content.ReadAsStream().ReadAtLeast(body, body.Length, throwOnEndOfStream: false);
        return body[..length];
    }

    private static (string? Message, string? I18nKey, string? RequestId) Parse(byte[] body)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(body);
            JsonElement root = json.RootElement;
            return root.ValueKind == JsonValueKind.Object
                ? (Member(root, "message"), Member(root, "i18nKey"), Member(root, "requestId"))
                : default;
        }
        catch (JsonException)
        {
            return default;
        }
    }

    private static string? Member(JsonElement root, string name)
    {
        try
        {
            return root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
                ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            // The parser accepts strings that .NET cannot hold, such as half a surrogate pair.
            return null;
        }
    }

    /// <summary>
    /// Removes what would forge a line of a log. Leaves out a string that repeats a secret of the request, whole or cut
    /// short, or that contains another token.
    /// </summary>
    private static string? Clean(string? said, RequestAuthorization authorization)
    {
        if (string.IsNullOrWhiteSpace(said))
            return null;
        string joined = string.Concat(
            said.Where(character => !char.IsWhiteSpace(character) && !char.IsControl(character)));
        if (HasPart(joined, authorization.Parameter) || HasPart(joined, authorization.Dpop) || Jwt().IsMatch(joined))
            return "[not shown, because it contains a secret]";
        string clean = string.Concat(said.Select(character => char.IsControl(character) ? ' ' : character));
        return clean.Length <= LongestString ? clean : clean[..LongestString];
    }

    // Of twice this length, each part of a secret contains one of those that are searched.
    private static bool HasPart(string said, string? secret)
    {
        if (string.IsNullOrEmpty(secret))
            return false;
        int length = int.Min(SecretPart, secret.Length);
        for (int start = 0; start + length <= secret.Length; start += length)
            if (said.AsSpan().Contains(secret.AsSpan(start, length), StringComparison.Ordinal))
                return true;
        return false;
    }

    [GeneratedRegex(@"eyJ[\w-]{8,}\.[\w-]{8,}")]
    private static partial Regex Jwt();
}
