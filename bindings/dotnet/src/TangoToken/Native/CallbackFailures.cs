namespace TangoToken.Native;

/// <summary>
/// The last exceptions of the program's signer and cache. They cross the library as strings, and become the inner
/// exceptions of the errors that they cause.
/// </summary>
/// <param name="signer">The callbacks of the client's key; null unless that is a custom signer.</param>
/// <param name="cache">The callbacks of the client's cache; null unless that is a custom one.</param>
internal sealed class CallbackFailures(SignerCallbacks? signer, CacheCallbacks? cache)
{
    internal Exception? CauseOf(TangoTokenErrorCode code, string message) => code switch
    {
        TangoTokenErrorCode.SigningFailed or TangoTokenErrorCode.KeyRejected => signer?.Failures.CauseOf(message),
        TangoTokenErrorCode.CacheUnavailable => cache?.Failures.CauseOf(message),
        _ => null,
    };
}

/// <summary>What the callbacks of one object threw last.</summary>
internal sealed class LastFailure
{
    private volatile Exception? exception;
    private volatile bool isOver;

    /// <summary>Notes a failure, and tells the library its reason.</summary>
    internal void Report(Exception thrown)
    {
        exception = thrown;
        isOver = false;
        NativeMethods.tango_callback_fail(ReasonOf(thrown));
    }

    /// <summary>The message of an exception, or its type if that throws: nothing may leave a callback.</summary>
    private static string ReasonOf(Exception thrown)
    {
        try
        {
            string reason = thrown.Message.Replace('\0', ' ');
            return string.IsNullOrWhiteSpace(reason) ? thrown.GetType().Name : reason;
        }
        catch (Exception)
        {
            return thrown.GetType().Name;
        }
    }

    /// <summary>
    /// Notes that a later call succeeded. Errors that the library remembers still have the earlier cause.
    /// </summary>
    internal void Clear() => isOver = exception is not null;

    internal Exception? CauseOf(string message) =>
        exception is { } last && (!isOver || message.Contains(ReasonOf(last), StringComparison.Ordinal)) ? last : null;
}
