using System;

namespace TangoToken
{
    /// <summary>Converts the status of a native call to an exception.</summary>
    internal static class Outcome
    {
        /// <summary>Throws the error of a call, if it failed, and frees it.</summary>
        internal static void OrThrow(this TangoStatus status, IntPtr error)
        {
            if (status != TangoStatus.Ok)
                throw TangoTokenException.Take(error);
        }
    }
}
