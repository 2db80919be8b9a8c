using System;
using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks;

namespace TangoToken.Tests
{
    /// <summary>What the server answers, and the fields that the caller sees; by the blocking and by the asynchronous call.</summary>
    public static class ErrorTests
    {
        [Test]
        public static void Credentials_are_refused()
        {
            TangoTokenException error = Refusal(
                "[{\"status\": 401, \"headers\": {\"x-request-id\": \"r-1\"}, \"body\": \"Unauthorized\"}]", TangoStatus.CredentialsRefused);
            Check.Equal(401, error.HttpStatus);
            Check.Equal("Unauthorized", error.ServerMessage);
            Check.Equal("r-1", error.RequestId);
            Check.Equal(null, error.OAuthError);
            Check.Equal(null, error.OAuthErrorDescription);
            Check.Equal(null, error.I18nKey);
            Check.Contains("the server does not accept the credentials (HTTP 401): Unauthorized; check client_id", error.Message);
        }

        [Test]
        public static void After_a_refusal_nothing_is_sent_until_the_time_that_the_error_gives()
        {
            using (Sandbox sandbox = Sandbox.Start())
            {
                sandbox.Script("[{\"status\": 401}]");
                using (TangoClient client = sandbox.Client())
                {
                    TangoTokenException first = Check.Fails(TangoStatus.CredentialsRefused, () => client.Acquire());
                    Check.Between(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1), first.RetryAfter);
                    Check.Equal(null, first.ServerMessage, "it said nothing");
                    TangoTokenException second = Check.Fails(TangoStatus.CredentialsRefused, () => client.Acquire());
                    Check.Between(TimeSpan.Zero, first.RetryAfter.Value, second.RetryAfter);
                    Check.Equal(1, sandbox.TokenRequests);
                }
            }
        }

        [Test]
        public static void Waiting_does_not_help_a_call_that_is_wrong()
        {
            using (Sandbox sandbox = Sandbox.Start())
            using (TangoClient client = sandbox.Client())
            {
                TangoTokenException error = Check.Fails(
                    TangoStatus.InvalidArgument, () => client.Authorize("GET", "https://elsewhere.example/"));
                Check.Equal(null, error.RetryAfter);
                Check.Equal(null, error.HttpStatus);
                Check.Equal(0, sandbox.TokenRequests);
            }
        }

        [Test]
        public static void An_OAuth_error_has_its_code_and_its_description()
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
        public static void Tangos_own_form_has_a_key_a_message_and_a_request_id()
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
        public static void Waiting_helps_where_the_server_says_so()
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
        public static void Answers_that_are_none()
        {
            const string failed = "{\"status\": 503, \"headers\": {\"retry-after\": \"0\"}}";
            Refusal("[" + string.Join(",", failed, failed, failed, failed, failed) + "]", TangoStatus.ServerError);
            Refusal("[{\"status\": 302, \"headers\": {\"location\": \"https://elsewhere.example/\"}}]", TangoStatus.UnexpectedResponse);
            TangoTokenException error = Refusal(
                "[{\"status\": 200, \"body\": \"a-token-in-a-bad-answer\"}]", TangoStatus.MalformedResponse);
            Check.ContainsNot("a-token-in-a-bad-answer", error.ToString());
            Check.Equal(null, Refusal("[{\"fault\": \"close\"}, {\"fault\": \"close\"}]", TangoStatus.ConnectionLost).HttpStatus);
        }

        [Test]
        public static void Servers_that_are_not_there_or_not_trusted()
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

        private static TangoTokenException Refusal(string answers, TangoStatus status)
        {
            using (Sandbox sandbox = Sandbox.Start())
            {
                sandbox.Script(answers);
                TangoTokenException blocking;
                using (TangoClient client = sandbox.Client())
                    blocking = Check.Fails(status, () => client.Acquire());
                sandbox.Script(answers);
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
