using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace TangoToken.Tests
{
    public static class TokenTests
    {
        [Test]
        public static void Callers_share_one_token_request()
        {
            using (Sandbox sandbox = Sandbox.Start())
            using (TangoClient client = sandbox.Client())
            using (AccessToken first = client.Acquire())
            using (AccessToken second = client.AcquireAsync().GetAwaiter().GetResult())
            {
                Check.Equal("Bearer", first.TokenType);
                Check.Equal("raas.all", first.Scope);
                Check.That(first.ExpiresIn > TimeSpan.FromHours(23) && first.ExpiresIn <= TimeSpan.FromHours(24), "the lifetime is a day");
                Check.Equal(first.Value, second.Value);
                Check.That(first.GetDpopKey() == null, "a Bearer token has no key");
                Check.Equal(1, sandbox.TokenRequests);
            }
        }

        [Test]
        public static void Scope_is_the_granted_one_or_else_the_requested_one()
        {
            using (Sandbox sandbox = Sandbox.Start())
            {
                Check.Equal("raas.read", Scope(sandbox, "raas.some", ", \\\"scope\\\": \\\"raas.read\\\""));
                Check.Equal("raas.some", Scope(sandbox, "raas.some", ""));
                Check.Equal("raas.all", Scope(sandbox, null, ""));
                Check.Equal("raas.all", Scope(sandbox, "", ""), "an empty option is not set");
                Check.Equal("raas.all", Scope(sandbox, null, ", \\\"scope\\\": \\\"\\\""), "an empty scope is none");
            }
        }

        private static string Scope(Sandbox sandbox, string asked, string granted)
        {
            sandbox.Script("[{\"headers\": {\"content-type\": \"application/json\"}, \"body\": \"{\\\"access_token\\\": \\\"a\\\", "
                + "\\\"token_type\\\": \\\"Bearer\\\", \\\"expires_in\\\": 60" + granted + "}\"}]");
            TangoClientOptions options = sandbox.Options();
            options.Scope = asked;
            using (var client = new TangoClient(options))
            using (AccessToken token = client.Acquire())
                return token.Scope;
        }

        [Test]
        public static void Strings_are_passed_as_UTF8()
        {
            using (Sandbox sandbox = Sandbox.Start("--username kunde-\u00fc\u20ac-\U0001F511"))
            using (TangoClient client = sandbox.Client())
                client.Acquire().Dispose();
        }

        [Test]
        public static void String_with_NUL_or_half_a_surrogate_pair_is_refused()
        {
            var error = Check.Throws<ArgumentException>(
                () => new TangoClient(new TangoClientOptions { Password = "before\0after" }));
            Check.Contains("Password contains a NUL character", error.Message);
            error = Check.Throws<ArgumentException>(
                () => new TangoClient(new TangoClientOptions { Password = "half a pair: \ud83d" }));
            Check.Contains("Password contains half a surrogate pair", error.Message);
            Check.Equal(null, error.InnerException, "which could contain the secret");
            error = Check.Throws<ArgumentException>(() => DpopKey.FromPem("\0"));
            Check.Contains("pem contains a NUL character", error.Message);
        }

        [Test]
        public static void One_error_names_every_missing_option()
        {
            var options = new TangoClientOptions { Environment = TangoEnvironment.Sandbox, ClientId = "me" };
            TangoTokenException error = Check.Fails(TangoStatus.InvalidConfiguration, () => new TangoClient(options));
            foreach (string name in new[] { "client_secret", "username", "password" })
                Check.Contains(name, error.Message);
            Check.ContainsNot("client_id", error.Message);
            Check.Equal(null, error.RetryAfter, "waiting does not help");
            Check.Equal(null, error.HttpStatus, "nothing was sent");

            options.Environment = (TangoEnvironment)9;
            Check.Fails(TangoStatus.InvalidArgument, () => new TangoClient(options));
        }

        [Test]
        public static void Every_option_takes_effect()
        {
            using (Sandbox sandbox = Sandbox.Start())
            {
                foreach (KeyValuePair<string, Action<TangoClientOptions>> wrong in WrongOptions())
                {
                    TangoClientOptions options = sandbox.Options();
                    wrong.Value(options);
                    Check.Contains(wrong.Key, Check.Refused(wrong.Key, () => new TangoClient(options)).Message);
                }
                TangoClientOptions sent = sandbox.Options();
                sent.Audience = "5min";
                sent.UserAgent = "a program/1";
                sent.AllowPlainHttp = false;
                sent.Scope = "raas.all";
                using (var client = new TangoClient(sent))
                using (AccessToken token = client.Acquire())
                    Check.That(token.ExpiresIn <= TimeSpan.FromMinutes(5), "the audience decides the lifetime");
                Check.Contains("a program/1", sandbox.Requests);
            }
        }

        // The library refuses each, and its message names the setting.
        private static Dictionary<string, Action<TangoClientOptions>> WrongOptions()
        {
            return new Dictionary<string, Action<TangoClientOptions>>
            {
                { "token_url", options => options.TokenUrl = "http://tango.example/" },
                { "api_url", options => options.ApiUrl = "not a URL" },
                { "origin", options => options.AllowedOrigins.Add("not a URL") },
                { "ca_file", options => options.CaFile = "/nowhere.pem" },
                { "proxy", options => options.Proxy = "ftp://user:proxy-password@host" },
                { "connect_timeout", options => options.ConnectTimeout = TimeSpan.FromHours(1) },
                { "attempt_timeout", options => options.AttemptTimeout = TimeSpan.Zero },
                { "total_timeout", options => options.TotalTimeout = TimeSpan.FromMilliseconds(-1) },
                { "/nowhere.key", options => { options.Dpop = DpopMode.Required; options.DpopKeyFile = "/nowhere.key"; } },
                { "cache", options => options.Cache = "mongodb://host" },
                { "/nowhere.ca", options => { options.Cache = "rediss://127.0.0.1"; options.CacheCaFile = "/nowhere.ca"; } },
            };
        }

        [Test]
        public static void Options_take_precedence_over_the_environment()
        {
            using (Sandbox sandbox = Sandbox.Start())
            {
                var environment = new Dictionary<string, string>(sandbox.Variables);
                environment["TANGO_PROXY"] = "none";
                Check.Contains("Bearer token for raas.all", Probe.Start("environment", environment));
                environment["TANGO_DPOP"] = "perhaps";
                Check.Contains("TANGO_DPOP", Probe.Start("environment", environment));
            }
            TangoClientOptions options = TangoClientOptions.FromEnvironment();
            options.TokenUrl = "http://tango.example/";
            Check.Contains("token_url", Check.Throws<TangoTokenException>(() => new TangoClient(options)).Message);
        }

        [Test]
        public static void Invalidate_drops_the_current_token_only()
        {
            using (Sandbox sandbox = Sandbox.Start("--quota-window-seconds 0"))
            using (TangoClient client = sandbox.Client())
            using (AccessToken first = client.Acquire())
            {
                client.Invalidate(first);
                client.Invalidate(first);
                using (AccessToken second = client.Acquire())
                    Check.That(first.Value != second.Value, "another token");
                client.Invalidate(first);
                client.Acquire().Dispose();
                Check.Equal(2, sandbox.TokenRequests);
            }
        }

        [Test]
        public static void SetCredentials_changes_the_credentials_of_the_next_fetch()
        {
            using (Sandbox sandbox = Sandbox.Start("--quota-window-seconds 0"))
            {
                TangoClientOptions options = sandbox.Options();
                string password = options.Password;
                options.Password = "an old one";
                using (var client = new TangoClient(options))
                {
                    Check.Fails(TangoStatus.CredentialsRefused, () => client.Acquire());
                    client.SetCredentials(username: options.Username, password: password);
                    client.Acquire().Dispose();
                    Check.Fails(TangoStatus.InvalidArgument, () => client.SetCredentials(clientId: "only half a pair"));
                }
            }
        }

        [Test]
        public static void ToString_and_log_contain_no_secret()
        {
            var lines = new List<string>();
            TangoLog.SendTo(TangoLogLevel.Trace, (level, line) =>
            {
                lock (lines)
                    lines.Add(level + " " + line);
                throw new Exception("an exception of a receiver is ignored");
            });
            using (Sandbox sandbox = Sandbox.Start())
            {
                TangoClientOptions options = sandbox.Options();
                using (var client = new TangoClient(options))
                using (AccessToken token = client.Acquire())
                using (Authorization authorization = client.Authorize("GET", sandbox.ApiUrl + "/accounts"))
                {
                    // Waits for the lines that the function is to get.
                    TangoLog.SendTo(TangoLogLevel.Error, null);
                    Check.That(lines.Any(line => line.StartsWith("Info")), "the log reports a new token");
                    string shown = string.Join("\n", options, client, token, authorization);
                    lock (lines)
                        shown += string.Join("\n", lines);
                    foreach (string secret in new[] { token.Value, options.ClientSecret, options.Password })
                        Check.ContainsNot(secret, shown);
                    token.Dispose();
                    Check.Equal("a token that was disposed", token.ToString());
                }
            }
            Check.Fails(TangoStatus.InvalidArgument, () => TangoLog.SendTo((TangoLogLevel)9, (level, line) => { }));
        }

        [Test]
        public static async Task Clients_share_a_token_through_a_custom_cache()
        {
            var cache = new MemoryCache();
            using (Sandbox sandbox = Sandbox.Start())
            {
                TangoClientOptions options = sandbox.Options();
                options.CustomCache = cache;
                string value;
                using (var client = new TangoClient(options))
                using (AccessToken token = await client.AcquireAsync())
                    value = token.Value;
                using (var other = new TangoClient(options))
                using (AccessToken token = await other.AcquireAsync())
                    Check.Equal(value, token.Value);
                Check.Equal(1, sandbox.TokenRequests);

                cache.Broken = "Load";
                using (var third = new TangoClient(options))
                    await Check.FailsAsync(TangoStatus.CacheUnavailable, () => third.AcquireAsync());
                sandbox.Script("[]");
                options.AllowFetchWithoutCache = true;
                using (var fourth = new TangoClient(options))
                    (await fourth.AcquireAsync()).Dispose();
            }
        }

        [Test]
        public static async Task Exception_of_a_custom_cache_makes_the_cache_unavailable()
        {
            using (Sandbox sandbox = Sandbox.Start("--quota-window-seconds 0"))
                foreach (string method in new[] { "Load", "Save", "TryLock", "Unlock" })
                {
                    var cache = new MemoryCache { Broken = method };
                    TangoClientOptions options = sandbox.Options();
                    options.CustomCache = cache;
                    using (var client = new TangoClient(options))
                    {
                        // Nothing is sent that cannot be announced. A lock that is not released ends with its lease.
                        if (method == "Unlock")
                            (await client.AcquireAsync()).Dispose();
                        else
                            await Check.FailsAsync(TangoStatus.CacheUnavailable, () => client.AcquireAsync());
                    }
                    Check.That(cache.Failures > 0, method + " was called");
                }
        }
    }
}
