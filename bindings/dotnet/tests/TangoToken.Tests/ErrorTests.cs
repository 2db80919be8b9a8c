using System;
using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks;

namespace TangoToken.Tests
{
    /// <summary>Responses of the server and the fields of the exception, for the blocking and the asynchronous call.</summary>
    public static class ErrorTests
    {
        [Test]
        public static void Refused_credentials_have_the_fields_of_the_response()
        {
            TangoTokenException error = Refusal(
                "[{\"status\": 401, \"headers\": {\"x-request-id\": \"r-1\"}, \"body\": \"Unauthorized\"}]", TangoStatus.CredentialsRefused);
            Check.Equal(401, error.HttpStatus);
            Check.Equal("Unauthorized", error.ServerMessage);
            Check.Equal("r-1", error.RequestId);
            Check.Equal(null, error.OAuthError);
            Check.Equal(null, error.OAuthErrorDescription);
            Check.Equal(null, error.I18nKey);
            Check.Contains(" does not accept the credentials (HTTP 401): Unauthorized; check client_id", error.Message);
        }

        [Test]
        public static void Nothing_is_sent_soon_after_a_refusal()
        {
            using (Sandbox sandbox = Sandbox.Start())
            {
                sandbox.Script("[{\"status\": 401}]");
                using (TangoClient client = sandbox.Client())
                {
                    TangoTokenException first = Check.Fails(TangoStatus.CredentialsRefused, () => client.Acquire());
                    Check.Equal(null, first.RetryAfter, "waiting does not correct a credential");
                    Check.Equal(null, first.ServerMessage, "the response has no body");
                    TangoTokenException second = Check.Fails(TangoStatus.CredentialsRefused, () => client.Acquire());
                    Check.Equal(null, second.RetryAfter);
                    Check.Contains("nothing is sent for another", second.Message);
                    Check.Equal(1, sandbox.TokenRequests);
                }
            }
        }

        [Test]
        public static void Invalid_argument_has_no_RetryAfter()
        {
            using (Sandbox sandbox = Sandbox.Start())
            using (TangoClient client = sandbox.Client())
            {
                TangoTokenException error = Check.Fails(
                    TangoStatus.InvalidArgument, () => client.Authorize("GET", "https://other.example/"));
                Check.Equal(null, error.RetryAfter);
                Check.Equal(null, error.HttpStatus);
                Check.Equal(0, sandbox.TokenRequests);
            }
        }

        [Test]
        public static void OAuth_error_has_its_code_and_description()
        {
            TangoTokenException error = Refusal(
                "[{\"status\": 400, \"headers\": {\"content-type\": \"application/json\"}, \"body\": "
                + "\"{\\\"error\\\": \\\"invalid_grant\\\", \\\"error_description\\\": \\\"wrong password\\\"}\"}]",
                TangoStatus.CredentialsRefused);
            Check.Equal("invalid_grant", error.OAuthError);
            Check.Equal("wrong password", error.OAuthErrorDescription);
            Check.Equal(null, error.RequestId);
        }

        [Test]
        public static void Tango_error_has_its_key_message_and_request_id()
        {
            TangoTokenException error = Refusal(
                "[{\"status\": 404, \"headers\": {\"content-type\": \"application/json\"}, \"body\": \"{\\\"requestId\\\": \\\"r-2\\\", "
                + "\\\"i18nKey\\\": \\\"path.not.found\\\", \\\"message\\\": \\\"Pfad f\u00fcr \u20ac nicht da\\\"}\"}]",
                TangoStatus.RequestRefused);
            Check.Equal(404, error.HttpStatus);
            Check.Equal("path.not.found", error.I18nKey);
            Check.Equal("Pfad f\u00fcr \u20ac nicht da", error.ServerMessage);
            Check.Equal("r-2", error.RequestId);
        }

        [Test]
        public static void Quota_and_rate_limit_have_RetryAfter()
        {
            TangoTokenException quota = Refusal(
                "[{\"status\": 400, \"body\": \"Client sandbox abc has exceeded the daily rate limit\"}]", TangoStatus.QuotaRefused);
            Check.Equal(TimeSpan.FromHours(1), quota.RetryAfter);
            TangoTokenException rate = Refusal(
                "[{\"status\": 429, \"headers\": {\"retry-after\": \"120\"}, \"body\": \"slow down\"}]", TangoStatus.RateLimited);
            Check.Equal(TimeSpan.FromMinutes(2), rate.RetryAfter);
            Check.Equal(429, rate.HttpStatus);
        }

        [Test]
        public static void Unusable_responses_have_different_statuses()
        {
            const string failed = "{\"status\": 503, \"headers\": {\"retry-after\": \"0\"}}";
            Refusal("[" + string.Join(",", failed, failed, failed, failed, failed) + "]", TangoStatus.ServerError);
            Refusal("[{\"status\": 302, \"headers\": {\"location\": \"https://other.example/\"}}]", TangoStatus.UnexpectedResponse);
            TangoTokenException error = Refusal(
                "[{\"status\": 200, \"body\": \"a-token-in-a-bad-response\"}]", TangoStatus.MalformedResponse);
            Check.ContainsNot("a-token-in-a-bad-response", error.ToString());
            Check.Equal(null, Refusal("[{\"fault\": \"close\"}, {\"fault\": \"close\"}]", TangoStatus.ConnectionLost).HttpStatus);
        }

        [Test]
        public static void Unreachable_untrusted_and_slow_servers_have_different_statuses()
        {
            var closed = new TcpListener(IPAddress.Loopback, 0);
            closed.Start();
            int port = ((IPEndPoint)closed.LocalEndpoint).Port;
            closed.Stop();
            using (Sandbox sandbox = Sandbox.Start())
            using (Sandbox other = Sandbox.Start())
            {
                TangoClientOptions options = sandbox.Options();
                options.TotalTimeout = TimeSpan.FromSeconds(1);
                options.TokenUrl = "https://127.0.0.1:" + port + "/oauth/token";
                FailsToAcquire(options, TangoStatus.ConnectFailed);

                options = sandbox.Options();
                options.CaFile = other.Options().CaFile;
                FailsToAcquire(options, TangoStatus.TlsFailed);

                sandbox.Script("[{\"fault\": \"hang\"}]");
                options = sandbox.Options();
                options.TotalTimeout = TimeSpan.FromMilliseconds(300);
                FailsToAcquire(options, TangoStatus.TimedOut);
            }
        }

        [Test]
        public static void Every_status_has_the_name_of_the_C_interface()
        {
            Check.Equal("TANGO_STATUS_QUOTA_REFUSED", TangoStatus.QuotaRefused.ToName());
            foreach (TangoStatus status in Enum.GetValues(typeof(TangoStatus)))
                Check.Equal(status.ToName(), Utf8.Decode(NativeMethods.tango_status_name((int)status)));
            Check.Equal(null, ((TangoStatus)9999).ToName());
            Check.Equal(IntPtr.Zero, NativeMethods.tango_status_name(Enum.GetValues(typeof(TangoStatus)).Length));
        }

        private static void FailsToAcquire(TangoClientOptions options, TangoStatus status)
        {
            using (var client = new TangoClient(options))
                Check.Fails(status, () => client.Acquire());
        }

        private static TangoTokenException Refusal(string responses, TangoStatus status)
        {
            using (Sandbox sandbox = Sandbox.Start())
            {
                sandbox.Script(responses);
                TangoTokenException blocking;
                using (TangoClient client = sandbox.Client())
                    blocking = Check.Fails(status, () => client.Acquire());
                sandbox.Script(responses);
                using (TangoClient client = sandbox.Client())
                {
                    TangoTokenException asynchronous =
                        Check.FailsAsync(status, () => client.AcquireAsync()).GetAwaiter().GetResult();
                    Check.Equal(blocking.Message, asynchronous.Message);
                    Check.Equal(blocking.HttpStatus, asynchronous.HttpStatus);
                }
                foreach (string secret in new[] { sandbox.Options().ClientSecret, sandbox.Options().Password })
                    Check.ContainsNot(secret, blocking.ToString());
                return blocking;
            }
        }
    }
}
