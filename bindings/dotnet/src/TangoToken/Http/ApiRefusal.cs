using System.Text.Json;

namespace TangoToken.Http;

/// <summary>Completes the error for a refused request with what the API said.</summary>
internal static class ApiRefusal
{
    private const int LongestBody = 64 * 1024;
    private const int LongestString = 1000;
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
        // A blocking read takes no token, but ends with its response.
        using CancellationTokenRegistration end = limit.Token.UnsafeRegister(
            static response => ((HttpResponseMessage)response!).Dispose(), response);
        var body = new byte[LongestBody];
        int length = 0;
        try
        {
            Stream stream = isAsync
                ? await response.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false)
                : response.Content.ReadAsStream(limit.Token);
            while (length < body.Length)
            {
                int count = isAsync
                    ? await stream.ReadAsync(body.AsMemory(length), limit.Token).ConfigureAwait(false)
                    : stream.Read(body, length, body.Length - length);
                if (count == 0)
                    break;
                length += count;
            }
        }
        catch (Exception exception) when (
            exception is IOException or HttpRequestException or OperationCanceledException or ObjectDisposedException)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }
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

    private static string? Member(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;

    /// <summary>
    /// Removes what would forge a line of a log, and the secrets of the request, which an API may repeat.
    /// </summary>
    private static string? Clean(string? said, RequestAuthorization authorization)
    {
        if (string.IsNullOrWhiteSpace(said))
            return null;
        string clean = said.Replace(authorization.Parameter, "[hidden]", StringComparison.Ordinal);
        if (!string.IsNullOrEmpty(authorization.Dpop))
            clean = clean.Replace(authorization.Dpop, "[hidden]", StringComparison.Ordinal);
        clean = string.Concat(clean.Select(character => char.IsControl(character) ? ' ' : character));
        return clean.Length <= LongestString ? clean : clean[..LongestString];
    }
}
