using System;
using System.Runtime.InteropServices;

namespace TangoToken
{
    /// <summary>The C side of a function of the program that signs.</summary>
    internal static class SignerCallback
    {
        private const int Failed = 1;

        // Native code calls them as long as the process lives, so they are never collected.
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
                if (signed == null || (ulong)signed.Length > (ulong)signatureLength)
                    return Failed;
                Marshal.Copy(signed, 0, signature, signed.Length);
                signatureLength = (UIntPtr)(uint)signed.Length;
                return 0;
            }
            catch (Exception)
            {
                return Failed; // Nothing may leave a callback: the caller of the library gets SigningFailed.
            }
        }

        private static void Forget(IntPtr userData)
        {
            CallbackThread.Enter();
            Rooted.Remove<Func<byte[], byte[]>>(userData);
        }
    }
}
