using System;
using System.Net.Http;

namespace TangoToken
{
    /// <summary>Switches off the redirects of the handler that sends the requests.</summary>
    internal static class Redirects
    {
        internal const string NotSwitchedOff =
            "The request was not sent: the inner handler of TangoTokenHandler follows redirects, and would send the proof of "
            + "this request (DPoP) to another URL. It was used before, so that this cannot be changed any more: create it "
            + "with AllowAutoRedirect = false, or create one for TangoTokenHandler alone.";

        /// <summary>Switches redirects off, and returns whether the handler follows them nevertheless.</summary>
        internal static bool FollowedBy(HttpMessageHandler handler)
        {
            while (handler is DelegatingHandler)
                handler = ((DelegatingHandler)handler).InnerHandler;
            var client = handler as HttpClientHandler;
            if (client != null)
                return client.AllowAutoRedirect && !SwitchedOff(() => client.AllowAutoRedirect = false, () => client.AllowAutoRedirect);
#if NETCOREAPP3_0_OR_GREATER
            var sockets = handler as SocketsHttpHandler;
            if (sockets != null)
                return sockets.AllowAutoRedirect && !SwitchedOff(() => sockets.AllowAutoRedirect = false, () => sockets.AllowAutoRedirect);
#endif
            return false;
        }

        private static bool SwitchedOff(Action switchOff, Func<bool> isOn)
        {
            try
            {
                switchOff();
                return true;
            }
            catch (InvalidOperationException)
            {
                // It was used before: by another handler, or by another call that has switched redirects off meanwhile.
                return !isOn();
            }
        }
    }
}
