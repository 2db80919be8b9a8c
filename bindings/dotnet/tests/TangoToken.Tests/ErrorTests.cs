using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace TangoToken.Tests;

/// <summary>
/// Responses of the server and the properties of the exception, for the blocking and the asynchronous call.
/// </summary>
public class ErrorTests
{
    [Fact]
    public async Task Refused_credentials_have_the_properties_of_the_response()
    {
        TangoTokenException error = await RefusalAsync(
            TangoTokenErrorCode.CredentialsRefused, new { status = 401, body = "Unauthorized" },
            ("x-request-id", "r-1"));
        Assert.Equal(HttpStatusCode.Unauthorized, error.StatusCode);
        Assert.Equal("Unauthorized", error.ServerMessage);
        Assert.Equal("r-1", error.RequestId);
        Assert.Null(error.OAuthError);
        Assert.Null(error.OAuthErrorDescription);
        Assert.Null(error.I18nKey);
        Assert.Null(error.RetryAfter);
        Assert.Contains(
            "does not accept the credentials (HTTP 401): Unauthorized", error.Message, StringComparison.Ordinal);
        Assert.Contains(
            "check ClientId, ClientSecret, Username and Password in the Tango portal", error.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_sent_soon_after_a_refusal()
    {
        using var sandbox = new Sandbox();
        sandbox.Script(new { status = 401 });
        using TangoTokenClient client = sandbox.Client();
        TangoTokenException first = Expect.Error(TangoTokenErrorCode.CredentialsRefused, () => client.GetToken());
        Assert.Null(first.RetryAfter);
        Assert.Null(first.ServerMessage);
        TangoTokenException second = Expect.Error(TangoTokenErrorCode.CredentialsRefused, () => client.GetToken());
        Assert.Null(second.RetryAfter);
        Assert.Equal(1, sandbox.TokenRequests);
    }

    [Fact]
    public async Task OAuth_error_has_its_code_and_description()
    {
        TangoTokenException error = await RefusalAsync(
            TangoTokenErrorCode.CredentialsRefused,
            new { status = 400, body = """{"error": "invalid_grant", "error_description": "wrong password"}""" },
            ("content-type", "application/json"));
        Assert.Equal("invalid_grant", error.OAuthError);
        Assert.Equal("wrong password", error.OAuthErrorDescription);
        Assert.Null(error.RequestId);
        Assert.Contains("invalid_grant", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tango_error_has_its_key_message_and_request_ID()
    {
        TangoTokenException error = await RefusalAsync(
            TangoTokenErrorCode.RequestRefused,
            new
            {
                status = 404,
                body = """{"requestId": "r-2", "i18nKey": "path.not.found", "message": "Pfad für € nicht da"}""",
            },
            ("content-type", "application/json"));
        Assert.Equal(HttpStatusCode.NotFound, error.StatusCode);
        Assert.Equal("path.not.found", error.I18nKey);
        Assert.Equal("Pfad für € nicht da", error.ServerMessage);
        Assert.Equal("r-2", error.RequestId);
        foreach (string part in new[] { "404", "path.not.found", "r-2" })
            Assert.Contains(part, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Quota_and_rate_limit_say_when_to_try_again()
    {
        TangoTokenException quota = await RefusalAsync(
            TangoTokenErrorCode.QuotaRefused, new
            {
                status =
                400,
                body = "Client sandbox abc has exceeded the daily rate limit"
            });
        Assert.Equal(TimeSpan.FromHours(1), quota.RetryAfter);
        TangoTokenException rate = await RefusalAsync(
            TangoTokenErrorCode.RateLimited, new { status = 429, body = "slow down" }, ("retry-after", "120"));
        Assert.Equal(TimeSpan.FromMinutes(2), rate.RetryAfter);
        Assert.Equal(HttpStatusCode.TooManyRequests, rate.StatusCode);
        Assert.Contains("00:02:00", rate.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unusable_responses_have_different_codes()
    {
        await RefusalAsync(
            TangoTokenErrorCode.UnexpectedResponse, new { status = 302 }, ("location", "https://other.example/"));
        TangoTokenException error = await RefusalAsync(
            TangoTokenErrorCode.MalformedResponse, new { status = 200, body = "a-token-in-a-bad-response" });
        Assert.DoesNotContain("a-token-in-a-bad-response", error.ToString(), StringComparison.Ordinal);
        error = await RefusalAsync(TangoTokenErrorCode.ConnectionLost, new { fault = "close" });
        Assert.Null(error.StatusCode);
    }

    [Fact]
    public void Unreachable_untrusted_and_slow_servers_have_different_codes()
    {
        using var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        int port = ((IPEndPoint)closed.LocalEndpoint).Port;
        closed.Stop();
        using var sandbox = new Sandbox();
        using var other = new Sandbox();
        void Fails(TangoTokenErrorCode code, Action<TangoTokenClientOptions> change)
        {
            TangoTokenClientOptions options = sandbox.Options();
            change(options);
            using var client = new TangoTokenClient(options);
            Expect.Error(code, () => client.GetToken());
        }

        Fails(TangoTokenErrorCode.ConnectFailed, options =>
        {
            options.TokenUrl = $"https://127.0.0.1:{port}/oauth/token";
            options.TotalTimeout = TimeSpan.FromSeconds(1);
        });
        Fails(TangoTokenErrorCode.TlsFailed, options => options.CaFile = other.Options().CaFile);
        sandbox.Script(new { fault = "hang" });
        Fails(TangoTokenErrorCode.TimedOut, options => options.TotalTimeout = TimeSpan.FromMilliseconds(300));
    }

    [Fact]
    public void Every_error_code_has_the_number_of_the_C_interface()
    {
        foreach (TangoTokenErrorCode code in Enum.GetValues<TangoTokenErrorCode>())
        {
            string expected =
                code == TangoTokenErrorCode.None ? "OK" : JsonNamingPolicy.SnakeCaseUpper.ConvertName(code.ToString());
            Assert.Equal("TANGO_STATUS_" + expected, Native.NativeMethods.tango_status_name((int)code));
        }
        Assert.Null(Native.NativeMethods.tango_status_name(Enum.GetValues<TangoTokenErrorCode>().Length));
    }

    private static async Task<TangoTokenException> RefusalAsync(
        TangoTokenErrorCode code, object response, params (string Name, string Value)[] headers)
    {
        var fields = JsonSerializer.SerializeToNode(response)!.AsObject();
        fields["headers"] = JsonSerializer.SerializeToNode(
            headers.ToDictionary(header => header.Name, header => header.Value));
        // A request whose connection breaks is sent again.
        object[] responses = [.. Enumerable.Repeat<object>(fields, 6)];
        using var sandbox = new Sandbox();
        sandbox.Script(responses);
        using TangoTokenClient first = sandbox.Client();
        TangoTokenException blocking = Expect.Error(code, () => first.GetToken());
        sandbox.Script(responses);
        using TangoTokenClient second = sandbox.Client();
        TangoTokenException asynchronous = await Expect.ErrorAsync(code, () => second.GetTokenAsync().AsTask());
        Assert.Equal(blocking.StatusCode, asynchronous.StatusCode);
        Assert.Equal(blocking.ServerMessage, asynchronous.ServerMessage);
        Assert.Equal(blocking.RequestId, asynchronous.RequestId);
        TangoTokenClientOptions options = sandbox.Options();
        foreach (string secret in new[] { options.ClientSecret!, options.Password! })
            Assert.DoesNotContain(secret, blocking.ToString(), StringComparison.Ordinal);
        return blocking;
    }
}
