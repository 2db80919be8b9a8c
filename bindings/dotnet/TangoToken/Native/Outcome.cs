using System;

namespace TangoToken
{
    /// <summary>What a call of the C interface returned.</summary>
    internal static class Outcome
    {
        /// <summary>Takes the error that the call wrote, which it did if and only if it failed, and throws it.</summary>
        internal static void OrThrow(this TangoStatus status, IntPtr error)
        {
            if (status != TangoStatus.Ok)
                throw TangoTokenException.Take(error);
        }
    }
}
