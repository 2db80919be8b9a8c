namespace TangoToken.Native;

/// <summary>The reason why a callback fails, which the library writes into its message and its log.</summary>
internal static class CallbackReason
{
    internal static void Report(Exception exception)
    {
        // Characters that C or UTF-8 cannot hold are replaced: the reason must arrive, whatever it is.
        string reason = exception.Message.Replace('\0', ' ');
        NativeMethods.tango_callback_fail(string.IsNullOrWhiteSpace(reason) ? exception.GetType().Name : reason);
    }
}
