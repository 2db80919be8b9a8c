using System;
using System.Runtime.InteropServices;

namespace TangoToken
{
    /// <summary>The callbacks of a custom signer.</summary>
    internal static class SignerCallback
    {
        private const int Failed = 1;

        // Native code may call them until the process ends, so they must never be collected.
        internal static readonly DpopSign Sign = SignMessage;
        internal static readonly DpopRelease Release = Forget;

        private static int SignMessage(
            IntPtr userData, IntPtr message, UIntPtr messageLength, IntPtr signature, ref UIntPtr signatureLength)
        {
            CallbackThread.Enter();
            try
            {
                var bytes = new byte[checked((int)messageLength)];
                Marshal.Copy(message, bytes, 0, bytes.Length);
                byte[] signed = Rooted.Get<Func<byte[], byte[]>>(userData)(bytes);
                if (signed == null)
                    throw new InvalidOperationException("it returned null");
                if ((ulong)signed.Length > (ulong)signatureLength)
                    throw new InvalidOperationException(Utf8.TooLong(signed, signatureLength));
                Marshal.Copy(signed, 0, signature, signed.Length);
                signatureLength = (UIntPtr)(uint)signed.Length;
                return 0;
            }
            catch (Exception exception)
            {
                // No exception may leave a callback: the caller gets SigningFailed, with this reason.
                NativeMethods.tango_callback_fail(Utf8.EncodeMessage(exception.Message));
                return Failed;
            }
        }

        private static void Forget(IntPtr userData)
        {
            CallbackThread.Enter();
            Rooted.Remove<Func<byte[], byte[]>>(userData);
        }
    }
}
