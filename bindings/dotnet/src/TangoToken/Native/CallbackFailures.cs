namespace TangoToken.Native;

/// <summary>
/// The last exceptions of the program's signer and cache. They cross the library as strings, and become the inner
/// exceptions of the errors that they cause.
/// </summary>
/// <param name="signer">The callbacks of the client's key; null unless that is a custom signer.</param>
/// <param name="cache">The callbacks of the client's cache; null unless that is a custom one.</param>
internal sealed class CallbackFailures(SignerCallbacks? signer, CacheCallbacks? cache)
{
    internal Exception? CauseOf(TangoTokenErrorCode code) => code switch
    {
        TangoTokenErrorCode.SigningFailed or TangoTokenErrorCode.KeyRejected => signer?.LastFailure,
        TangoTokenErrorCode.CacheUnavailable => cache?.LastFailure,
        _ => null,
    };
}
