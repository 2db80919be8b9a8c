using System.Net;
using System.Text;

namespace TangoToken.Native;

/// <summary>Converts the status and the error object of a native call to an exception.</summary>
internal static class NativeErrors
{
    /// <summary>Throws the error of a call, if it failed, and frees it.</summary>
    internal static void ThrowIfFailed(
        this TangoTokenErrorCode status, nint error, CallbackFailures? failures = null)
    {
        if (status != TangoTokenErrorCode.None)
            throw Take(error, failures);
    }

    /// <summary>Copies an error of the library, and frees it.</summary>
    internal static TangoTokenException Take(nint error, CallbackFailures? failures = null)
    {
        using var handle = new ErrorHandle(error);
        TangoTokenErrorCode code = NativeMethods.tango_error_status(handle);
        int httpStatus = NativeMethods.tango_error_http_status(handle);
        long seconds = NativeMethods.tango_error_retry_after_seconds(handle);
        string message = Sentence(NativeConfig.WithPropertyNames(NativeMethods.tango_error_message(handle) ?? ""));
        return new TangoTokenException(message, failures?.CauseOf(code, message))
        {
            ErrorCode = code,
            StatusCode = httpStatus == 0 ? null : (HttpStatusCode)httpStatus,
            OAuthError = NativeMethods.tango_error_oauth_error(handle),
            OAuthErrorDescription = NativeMethods.tango_error_oauth_error_description(handle),
            I18nKey = NativeMethods.tango_error_i18n_key(handle),
            ServerMessage = NativeMethods.tango_error_server_message(handle),
            RequestId = NativeMethods.tango_error_request_id(handle),
            RetryAfter = seconds < 0 ? null : TimeSpan.FromSeconds(seconds),
        };
    }

    /// <summary>The message as .NET writes one: with a capital letter and a full stop.</summary>
    private static string Sentence(string message)
    {
        if (message.Length == 0)
            return "The native library reported an error without a message.";
        // These two are parameters of C.
        if (message.StartsWith("url ", StringComparison.Ordinal))
            message = "The URL" + message[3..];
        else if (message.StartsWith("method ", StringComparison.Ordinal))
            message = "The " + message;
        // A name, such as client_secret or https://host, stays as it is.
        int end = message.AsSpan().IndexOf(' ');
        bool isWord = end > 0 && message.AsSpan(0, end).ContainsAnyExceptInRange('a', 'z') is false;
        var sentence = new StringBuilder(message);
        if (isWord)
            sentence[0] = char.ToUpperInvariant(message[0]);
        return message[^1] is '.' or '!' or '?' ? sentence.ToString() : sentence.Append('.').ToString();
    }
}
