using System;
using System.Collections.Generic;
using System.Diagnostics;

namespace TangoToken
{
    /// <summary>
    /// Everything a program says once, before it asks for tokens. What is <c>null</c> is the library's default; making a
    /// <see cref="TangoClient"/> checks the whole and names everything that is missing or wrong.
    /// </summary>
    [DebuggerDisplay("{ToString(),nq}")]
    public sealed class TangoClientOptions
    {
        /// <summary>
        /// Options that begin with the <c>TANGO_*</c> environment variables, which are read when a client is made. What is set on the
        /// options themselves comes first.
        /// </summary>
        public static TangoClientOptions FromEnvironment()
        {
            return new TangoClientOptions { LoadEnvironment = true };
        }

        /// <summary>
        /// Whether to begin with the environment variables, one for each option: <c>TANGO_CLIENT_ID</c>, <c>TANGO_CACHE</c> and so on.
        /// No other thread may change the environment while a client is made.
        /// </summary>
        public bool LoadEnvironment { get; set; }

        /// <summary>Which of Tango's environments to use. Needed unless <see cref="TokenUrl"/> is set.</summary>
        public TangoEnvironment? Environment { get; set; }

        /// <summary>
        /// The token endpoint (RFC 6749 section 3.2) as an absolute URL, instead of the environment's. HTTPS, except for loopback hosts.
        /// </summary>
        public string TokenUrl { get; set; }

        /// <summary>The client id from the Tango portal, OAuth client credentials. Required.</summary>
        public string ClientId { get; set; }

        /// <summary>The client secret that belongs to it. Required.</summary>
        [DebuggerBrowsable(DebuggerBrowsableState.Never)]
        public string ClientSecret { get; set; }

        /// <summary>The service account's user name, from the Tango portal. Required.</summary>
        public string Username { get; set; }

        /// <summary>The service account's password. Required.</summary>
        [DebuggerBrowsable(DebuggerBrowsableState.Never)]
        public string Password { get; set; }

        /// <summary>
        /// <c>24h</c> (the default) or <c>5min</c> for a token of that life, or any other audience, sent exactly as written.
        /// </summary>
        public string Audience { get; set; }

        /// <summary>The scope to ask for (RFC 6749 section 3.3), instead of <c>raas.all</c>.</summary>
        public string Scope { get; set; }

        /// <summary>A PEM file of the certification authorities to trust instead of the system's.</summary>
        public string CaFile { get; set; }

        /// <summary>
        /// <c>system</c> (the default: <c>HTTPS_PROXY</c>, <c>NO_PROXY</c> and the like), <c>none</c>, or the URL of an HTTP or SOCKS proxy,
        /// which may hold a password.
        /// </summary>
        [DebuggerBrowsable(DebuggerBrowsableState.Never)]
        public string Proxy { get; set; }

        /// <summary>The <c>User-Agent</c> to send, instead of <c>tango-token/VERSION</c>.</summary>
        public string UserAgent { get; set; }

        /// <summary>
        /// How long one connection may take to be ready, TLS included: 1 ms to 10 minutes; 5 s unless set.
        /// </summary>
        public TimeSpan? ConnectTimeout { get; set; }

        /// <summary>How long one request may take, answer included: 1 ms to 10 minutes; 10 s unless set.</summary>
        public TimeSpan? AttemptTimeout { get; set; }

        /// <summary>How long a caller may wait, retries included: 1 ms to 10 minutes; 30 s unless set.</summary>
        public TimeSpan? TotalTimeout { get; set; }

        /// <summary>
        /// Allows a token URL without TLS on a host that is not loopback: secrets then cross the network readable.
        /// </summary>
        public bool? AllowPlainHttp { get; set; }

        /// <summary>
        /// The API that tokens are for, instead of the environment's. Headers are made for its origin only.
        /// </summary>
        public string ApiUrl { get; set; }

        /// <summary>Further origins that may get tokens, each as a URL of it.</summary>
        public IList<string> AllowedOrigins { get; } = new List<string>();

        /// <summary>Whether tokens are bound to a key (RFC 9449); not unless set.</summary>
        public DpopMode? Dpop { get; set; }

        /// <summary>
        /// The key that tokens are bound to. Where none is given, each client makes an ES256 key of its own. The caller still owns it,
        /// and may dispose it once the client is made.
        /// </summary>
        public DpopKey DpopKey { get; set; }

        /// <summary>The same from a file, in PEM or as a JWK.</summary>
        public string DpopKeyFile { get; set; }

        /// <summary>
        /// Where the token outlives the process and is shared: <c>memory</c> (the default: nowhere), <c>file</c> (a folder in the user's
        /// cache directory), <c>file:/another/folder</c>, or <c>redis://</c> or <c>rediss://[user:password@]host[:port][/db]</c>, with
        /// <c>?cluster=true</c> and <c>?prefix=</c>.
        /// </summary>
        [DebuggerBrowsable(DebuggerBrowsableState.Never)]
        public string Cache { get; set; }

        /// <summary>
        /// A PEM file of the certification authorities to trust for <c>rediss://</c> instead of the system's.
        /// </summary>
        public string CacheCaFile { get; set; }

        /// <summary>
        /// Fetches a token past a cache that cannot be used, instead of <see cref="TangoStatus.CacheUnavailable"/>: each process that
        /// does so asks for one of its own, which the server's daily limit may refuse.
        /// </summary>
        public bool? AllowFetchWithoutCache { get; set; }

        /// <summary>
        /// Shares the token in a database of the program's own, instead of <see cref="Cache"/>. It stays in use until the last client that
        /// was made from these options is gone and its last call has ended.
        /// </summary>
        public ITangoCache CustomCache { get; set; }

        /// <summary>The client id and where tokens come from; never a secret.</summary>
        public override string ToString()
        {
            return "options of client " + (ClientId ?? "(from the environment, or none)");
        }
    }
}
