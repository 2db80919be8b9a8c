using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TangoToken.Native;

/// <summary>The callbacks of a custom signer.</summary>
internal sealed unsafe class SignerCallbacks(Func<byte[], byte[]> sign)
{
    private const int Failed = 1;

    private string? thumbprint;

    /// <summary>What the signer threw, or what was wrong with its result.</summary>
    internal LastFailure Failures { get; } = new();

    /// <summary>Returns whether this signs for a key: the first one that asks, and its other handles.</summary>
    internal bool SignsFor(string keyThumbprint) => (thumbprint ??= keyThumbprint) == keyThumbprint;

    /// <summary>Makes a key of the native library that signs with these callbacks.</summary>
    internal DpopKeyHandle CreateKey(DpopAlgorithm algorithm, string publicJwk)
    {
        nint key, error, userData = UserData.Hold(this);
        TangoTokenErrorCode status;
        try
        {
            status = NativeMethods.tango_dpop_key_from_signer(
                (int)algorithm, publicJwk, &Sign, &Release, userData, out key, out error);
        }
        catch
        {
            // The arguments were not converted. Once it is called, the library releases the user data.
            UserData.Release(userData);
            throw;
        }
        status.ThrowIfFailed(error, new CallbackFailures(this, null));
        return new DpopKeyHandle(key);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Sign(
        nint userData, byte* message, nuint messageLength, byte* signature, nuint* signatureLength)
    {
        using CallbackScope scope = CallbackScope.Enter();
        SignerCallbacks callbacks = UserData.Get<SignerCallbacks>(userData);
        try
        {
            byte[] bytes = new ReadOnlySpan<byte>(message, checked((int)messageLength)).ToArray();
            byte[] signed = callbacks.Signature(bytes, *signatureLength);
            signed.CopyTo(new Span<byte>(signature, signed.Length));
            *signatureLength = (nuint)signed.Length;
            callbacks.Failures.Clear();
            return 0;
        }
        catch (Exception exception)
        {
            // No exception may leave a callback: the caller gets SigningFailed with this inner exception.
            callbacks.Failures.Report(exception);
            return Failed;
        }
    }

    private byte[] Signature(byte[] message, nuint limit)
    {
        byte[]? signed = sign(message);
        if (signed is null)
            throw new InvalidOperationException("The signer returned null instead of a signature.");
        if (signed.Length == 0)
            throw new InvalidOperationException("The signer returned an empty signature.");
        if ((nuint)signed.Length > limit)
            throw new InvalidOperationException(
                $"The signer returned {signed.Length} bytes, and no signature has more than {limit}.");
        return signed;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Release(nint userData) => UserData.Release(userData);
}
