using System;
using System.Runtime.InteropServices;
using System.Text;

namespace TangoToken
{
    /// <summary>
    /// Converts strings to and from NUL-terminated UTF-8, for which netstandard2.0 has no marshalling.
    /// </summary>
    internal static class Utf8
    {
        // A string that is not valid Unicode, such as half a surrogate pair, is refused rather than changed: it may be
        // a password.
        private static readonly UTF8Encoding Strict = new UTF8Encoding(false, true);

        /// <summary>
        /// Returns a NUL-terminated copy of a string; null for null. The name is that of the argument or the option.
        /// </summary>
        internal static byte[] Encode(string text, string name)
        {
            if (text == null)
                return null;
            if (text.IndexOf('\0') >= 0)
                throw new ArgumentException(name + " contains a NUL character, where C would end it.", name);
            try
            {
                var bytes = new byte[Strict.GetByteCount(text) + 1];
                Strict.GetBytes(text, 0, text.Length, bytes, 0);
                return bytes;
            }
            catch (EncoderFallbackException)
            {
                // Without the cause, which would contain a part of what may be a secret.
                throw new ArgumentException(name + " contains half a surrogate pair, which UTF-8 cannot represent.", name);
            }
        }

        /// <summary>Returns a NUL-terminated copy of a message. Characters that C or UTF-8 cannot hold are replaced.</summary>
        internal static byte[] EncodeMessage(string message)
        {
            return Encoding.UTF8.GetBytes((message ?? "").Replace('\0', ' ') + '\0');
        }

        /// <summary>The reason why a callback fails that returns too many bytes.</summary>
        internal static string TooLong(byte[] returned, UIntPtr limit)
        {
            return "it returned " + returned.Length + " bytes, and the limit is " + limit;
        }

        /// <summary>Erases the copy of a secret, after the library has made its own.</summary>
        internal static void Erase(byte[] text)
        {
            if (text != null)
                Array.Clear(text, 0, text.Length);
        }

        /// <summary>Returns a copy of a string of the library; null for NULL.</summary>
        internal static string Decode(IntPtr text)
        {
            if (text == IntPtr.Zero)
                return null;
            int length = 0;
            while (Marshal.ReadByte(text, length) != 0)
                length++;
            var bytes = new byte[length];
            Marshal.Copy(text, bytes, 0, length);
            string copy = Encoding.UTF8.GetString(bytes);
            Erase(bytes);
            return copy;
        }

        /// <summary>
        /// Returns a copy of a string that belongs to a native object, which is not freed meanwhile.
        /// </summary>
        internal static string Borrow<T>(T handle, Func<T, IntPtr> read) where T : SafeHandle
        {
            bool held = false;
            try
            {
                handle.DangerousAddRef(ref held);
                return Decode(read(handle));
            }
            finally
            {
                if (held)
                    handle.DangerousRelease();
            }
        }
    }
}
