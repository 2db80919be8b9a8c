using System.Globalization;
using System.Net;
using System.Text;

namespace TangoToken;

/// <summary>
/// Says why there is no token, or why the API refuses one, and what to do. Neither the message nor a property contains
/// a secret.
/// </summary>
/// <example>
/// <code>
/// try
/// {
///     token = await client.GetTokenAsync(cancellationToken);
/// }
/// catch (TangoTokenException exception) when (exception.ErrorCode == TangoTokenErrorCode.QuotaRefused)
/// {
///     logger.LogError(exception, "The daily limit is used up; try again in {Time}.", exception.RetryAfter);
/// }
/// </code>
/// </example>
public class TangoTokenException : Exception
{
    /// <summary>Initializes an exception with a default message.</summary>
    public TangoTokenException() : base("A Tango token cannot be used.") { }

    /// <summary>Initializes an exception.</summary>
    /// <param name="message">What happened, and what to do.</param>
    public TangoTokenException(string? message) : base(message) { }

    /// <summary>Initializes an exception that has a cause.</summary>
    /// <param name="message">What happened, and what to do.</param>
    /// <param name="innerException">The cause, such as what a custom signer or cache threw.</param>
    public TangoTokenException(string? message, Exception? innerException) : base(message, innerException) { }

    /// <summary>Gets the kind of error.</summary>
    public TangoTokenErrorCode ErrorCode { get; init; }

    /// <summary>Gets the HTTP status of the response; <c>null</c> if there was none.</summary>
    public HttpStatusCode? StatusCode { get; init; }

    /// <summary>
    /// Gets the OAuth error code (RFC 6749 section 5.2), such as <c>invalid_grant</c>, or the code that a gateway sent
    /// in its place; <c>null</c> if there was none.
    /// </summary>
    public string? OAuthError { get; init; }

    /// <summary>Gets the OAuth <c>error_description</c>; <c>null</c> if there was none.</summary>
    public string? OAuthErrorDescription { get; init; }

    /// <summary>Gets Tango's <c>i18nKey</c>, a stable name for the failure; <c>null</c> if there was none.</summary>
    public string? I18nKey { get; init; }

    /// <summary>
    /// Gets what else the server said: Tango's <c>message</c>, the sentence of another error, or plain text;
    /// <c>null</c> if there was none.
    /// </summary>
    public string? ServerMessage { get; init; }

    /// <summary>
    /// Gets the ID by which Tango's support finds the request (<c>X-REQUEST-ID</c>); <c>null</c> if there was none.
    /// </summary>
    public string? RequestId { get; init; }

    /// <summary>Gets the time until another call makes sense; <c>null</c> if waiting does not help.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Returns the message, the properties that are known, the cause and the stack trace.</summary>
    public override string ToString()
    {
        var text = new StringBuilder(base.ToString());
        void Append(string name, object? value)
        {
            if (value is not null)
                text.Append(CultureInfo.InvariantCulture, $"{Environment.NewLine}{name}: {value}");
        }
        Append(nameof(ErrorCode), ErrorCode);
        Append(nameof(StatusCode), StatusCode is { } status ? $"{(int)status} ({status})" : null);
        Append(nameof(OAuthError), OAuthError);
        Append(nameof(OAuthErrorDescription), OAuthErrorDescription);
        Append(nameof(I18nKey), I18nKey);
        Append(nameof(ServerMessage), ServerMessage);
        Append(nameof(RequestId), RequestId);
        Append(nameof(RetryAfter), RetryAfter);
        return text.ToString();
    }
}
