using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TangoToken;

// The .NET runner of tests/conformance: reads one call a line, makes it, and prints its result as JSON.
var utf8 = new UTF8Encoding(false);
using var input = new StreamReader(Console.OpenStandardInput(), utf8);
using var output = new StreamWriter(Console.OpenStandardOutput(), utf8) { AutoFlush = true, NewLine = "\n" };
var json = new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

Runner? runner = null;
Print(await Result.OfAsync(() =>
{
    runner = new Runner(new TangoTokenClient(Runner.Options(args)));
    return Task.FromResult(new JsonObject { ["client"] = true });
}));
if (runner is not null)
    while (input.ReadLine() is { } line)
    {
        string?[] fields = [.. line.Split('\t').Select(field => field.Length == 0 ? null : field)];
        Print(await Result.OfAsync(() => runner.CallAsync(fields)));
    }

void Print(JsonObject result) => output.WriteLine(result.ToJsonString(json));

internal sealed class Runner(TangoTokenClient client)
{
    private TangoAccessToken? token;
    private RequestAuthorization? authorization;
    private (HttpMethod Method, Uri Uri) request;
    private bool isJudged;

    /// <summary>Does what the arguments say: load_env, or NAME=VALUE for an option that is set in code.</summary>
    internal static TangoTokenClientOptions Options(string[] arguments)
    {
        var options = new TangoTokenClientOptions();
        foreach (string argument in arguments)
            switch (argument.Split('=', 2))
            {
                case ["load_env"]:
                    options.UseEnvironmentVariables = true;
                    break;
                case ["audience", var audience]:
                    options.Audience = audience;
                    break;
                case ["user_agent", var userAgent]:
                    options.UserAgent = userAgent;
                    break;
                case ["allowed_origins", var origin]:
                    options.AllowedOrigins.Add(origin);
                    break;
                case ["allow_plain_http", var isAllowed]:
                    options.AllowPlainHttp = isAllowed == "true";
                    break;
                default:
                    throw new InvalidOperationException("not an option that a runner knows: " + argument);
            }
        return options;
    }

    internal async Task<JsonObject> CallAsync(string?[] fields)
    {
        string? Field(int index) => index < fields.Length ? fields[index] : null;
        switch (fields[0])
        {
            case "acquire":
                return Show(token = client.GetToken());
            case "acquire_async":
                return Show(token = await client.GetTokenAsync());
            case "authorize":
                request = (new HttpMethod(Field(1)!), new Uri(Field(2)!, UriKind.RelativeOrAbsolute));
                return Show(Authorize());
            case "authorize_again":
                return Show(authorization = client.AuthorizeRetry(authorization!));
            case "observe":
                // .NET judges an authorization once. Cases show several responses to one request.
                if (isJudged)
                    Authorize();
                isJudged = true;
                int status = int.Parse(Field(1)!, CultureInfo.InvariantCulture);
                bool isRetry = client.ShouldRetry(authorization!, status, Field(2), Field(3), Field(4));
                isJudged = !isRetry;
                return new JsonObject { ["verdict"] = isRetry ? "retry" : "done" };
            case "invalidate":
                client.Invalidate(token!);
                return new JsonObject { ["done"] = true };
            case "set_credentials":
                SetCredentials(Field(1), Field(2), Field(3), Field(4));
                return new JsonObject { ["done"] = true };
            default:
                throw new InvalidOperationException("unknown call: " + fields[0]);
        }
    }

    private RequestAuthorization Authorize()
    {
        authorization = client.Authorize(request.Method, request.Uri);
        isJudged = false;
        return authorization;
    }

    // Several methods in .NET, so that half a pair cannot be written.
    private void SetCredentials(string? clientId, string? clientSecret, string? username, string? password)
    {
        if (clientId is not null && username is not null)
            client.SetCredentials(clientId, clientSecret!, username, password!);
        else if (clientId is not null || clientSecret is not null)
            client.SetClientCredentials(clientId!, clientSecret!);
        else if (username is not null || password is not null)
            client.SetServiceAccount(username!, password!);
    }

    private static JsonObject Show(TangoAccessToken token) => new()
    {
        ["token"] = new JsonObject
        {
            ["value"] = token.Value,
            ["type"] = token.TokenType,
            ["scope"] = token.Scope,
            ["expires_in_seconds"] = (long)Math.Max(0, (token.ExpiresAt - DateTimeOffset.UtcNow).TotalSeconds),
        },
    };

    private static JsonObject Show(RequestAuthorization made) => new()
    {
        ["authorization"] = new JsonObject { ["value"] = $"{made.Scheme} {made.Parameter}", ["dpop"] = made.Dpop },
    };
}

internal static class Result
{
    internal static async Task<JsonObject> OfAsync(Func<Task<JsonObject>> call)
    {
        try
        {
            return await call();
        }
        catch (TangoTokenException error)
        {
            return Error(error);
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            // The exceptions of .NET for what is INVALID_ARGUMENT in C.
            return Error(new TangoTokenException(error.Message) { ErrorCode = TangoTokenErrorCode.InvalidArgument });
        }
        catch (Exception failure)
        {
            // An error of the binding, which no case expects.
            return new JsonObject { ["failed"] = failure.ToString() };
        }
    }

    private static JsonObject Error(TangoTokenException error) => new()
    {
        ["error"] = new JsonObject
        {
            ["status"] = "TANGO_STATUS_" + JsonNamingPolicy.SnakeCaseUpper.ConvertName(error.ErrorCode.ToString()),
            ["message"] = Words.OfC(error.Message),
            ["http_status"] = (int?)error.StatusCode,
            ["oauth_error"] = error.OAuthError,
            ["oauth_error_description"] = error.OAuthErrorDescription,
            ["i18n_key"] = error.I18nKey,
            ["server_message"] = error.ServerMessage,
            ["request_id"] = error.RequestId,
            ["retry_after_seconds"] = (long?)error.RetryAfter?.TotalSeconds,
        },
    };
}

/// <summary>
/// The message in the words of C, which the cases quote: .NET names its own properties, and begins with a capital
/// letter.
/// </summary>
internal static partial class Words
{
    private static readonly Dictionary<string, string> Names = typeof(TangoTokenClientOptions).GetProperties()
        .Select(property => property.Name)
        .ToDictionary(name => name, JsonNamingPolicy.SnakeCaseLower.ConvertName)
        .Append(new("Uri", "url")).ToDictionary();

    internal static string OfC(string message)
    {
        string named = Word().Replace(message, word => Names.GetValueOrDefault(Capitalized(word.Value), word.Value));
        return named.StartsWith("The URL has ", StringComparison.Ordinal)
            ? "url" + named["The URL".Length..]
            : char.ToLowerInvariant(named[0]) + named[1..];
    }

    private static string Capitalized(string word) => char.ToUpperInvariant(word[0]) + word[1..];

    [GeneratedRegex(@"\b[A-Za-z]+\b")]
    private static partial Regex Word();
}
