using System.Diagnostics;

namespace TangoToken.Native;

/// <summary>
/// One span for each wait on the network, from the source <c>TangoToken</c>. While a token is held there is none.
/// </summary>
internal static class TokenWait
{
    private static readonly ActivitySource Source = new(
        "TangoToken", typeof(TokenWait).Assembly.GetName().Version!.ToString(3));

    /// <summary>Starts a span; <c>null</c> if nothing collects it.</summary>
    internal static Activity? Start() => Source.StartActivity("TangoToken.WaitForToken");

    /// <summary>Records the reason why there is no token. No message contains a secret.</summary>
    /// <returns><c>false</c>, so that a filter of exceptions can call it.</returns>
    internal static bool Fail(Activity? span, Exception error)
    {
        if (span is null)
            return false;
        object reason = error is TangoTokenException { ErrorCode: var code } ? code : error.GetType();
        span.SetTag("error.type", reason.ToString());
        span.SetStatus(ActivityStatusCode.Error, error.Message);
        return false;
    }
}
