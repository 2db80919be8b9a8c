using System.Diagnostics;

namespace TangoToken
{
    /// <summary>
    /// Everything that a program says once, before it requests tokens. An option that is <c>null</c> is not set. Making a
    /// <see cref="TangoClient"/> checks all options and names everything that is missing or wrong.
    /// </summary>
    [DebuggerDisplay("{ToString(),nq}")]
    public sealed partial class TangoClientOptions
    {
        /// <summary>
        /// Options that are read from the <c>TANGO_*</c> environment variables when a client is made. An option that the program sets
        /// wins over its variable.
        /// </summary>
        public static TangoClientOptions FromEnvironment()
        {
            return new TangoClientOptions { LoadEnvironment = true };
        }

        /// <summary>
        /// Whether to read the options that the program does not set from the <c>TANGO_*</c> environment variables. No other thread may
        /// change the environment while a client is made.
        /// </summary>
        public bool LoadEnvironment { get; set; }

        /// <summary>The client ID, never a secret.</summary>
        public override string ToString()
        {
            return "options of client " + (ClientId ?? "(from the environment, or none)");
        }
    }
}
