using System;
using System.Globalization;
using System.Linq;
using System.Text;

namespace TangoToken.Conformance
{
    /// <summary>The .NET runner of tests/conformance: reads one call a line, makes it, and prints its result as JSON.</summary>
    public static class Program
    {
        private static AccessToken token;
        private static Authorization authorization;

        public static int Main(string[] arguments)
        {
            var utf8 = new UTF8Encoding(false);
            var input = new System.IO.StreamReader(Console.OpenStandardInput(), utf8);
            var output = new System.IO.StreamWriter(Console.OpenStandardOutput(), utf8) { AutoFlush = true, NewLine = "\n" };
            TangoClient client = null;
            string made = Outcome(() =>
            {
                client = new TangoClient(Configured(arguments));
                return "{\"client\": true}";
            });
            output.WriteLine(made);
            if (client == null)
                return 0;
            for (string line = input.ReadLine(); line != null; line = input.ReadLine())
            {
                string[] fields = line.Split('\t').Select(field => field == "" ? null : field).ToArray();
                output.WriteLine(Outcome(() => Call(client, fields)));
            }
            return 0;
        }

        /// <summary>Does what the arguments say: load_env, or NAME=VALUE for an option that is set in code.</summary>
        private static TangoClientOptions Configured(string[] arguments)
        {
            var options = new TangoClientOptions();
            foreach (string argument in arguments)
            {
                string[] parts = argument.Split(new[] { '=' }, 2);
                switch (parts[0])
                {
                    case "load_env":
                        options.LoadEnvironment = true;
                        break;
                    case "audience":
                        options.Audience = parts[1];
                        break;
                    case "user_agent":
                        options.UserAgent = parts[1];
                        break;
                    case "allowed_origins":
                        options.AllowedOrigins.Add(parts[1]);
                        break;
                    case "allow_plain_http":
                        options.AllowPlainHttp = parts[1] == "true";
                        break;
                    default:
                        throw new ArgumentException("not an option that a runner knows: " + argument);
                }
            }
            return options;
        }

        private static string Call(TangoClient client, string[] fields)
        {
            Func<int, string> field = index => index < fields.Length ? fields[index] : null;
            switch (fields[0])
            {
                case "acquire":
                    return Show(token = client.Acquire());
                case "acquire_async":
                    return Show(token = client.AcquireAsync().GetAwaiter().GetResult());
                case "authorize":
                    return Show(authorization = client.Authorize(field(1), field(2)));
                case "authorize_again":
                    return Show(authorization = client.AuthorizeAgain(authorization));
                case "observe":
                    int status = int.Parse(field(1), CultureInfo.InvariantCulture);
                    TangoVerdict verdict = client.Observe(authorization, status, field(2), field(3), field(4));
                    return "{\"verdict\": " + (verdict == TangoVerdict.Done ? "\"done\"" : "\"retry\"") + "}";
                case "invalidate":
                    client.Invalidate(token);
                    return "{\"done\": true}";
                case "set_credentials":
                    client.SetCredentials(field(1), field(2), field(3), field(4));
                    return "{\"done\": true}";
                default:
                    throw new ArgumentException("unknown call: " + fields[0]);
            }
        }

        private static string Show(AccessToken acquired)
        {
            return "{\"token\": {\"value\": " + Quote(acquired.Value) + ", \"type\": " + Quote(acquired.TokenType)
                + ", \"scope\": " + Quote(acquired.Scope) + ", \"expires_in_seconds\": " + Seconds(acquired.ExpiresIn) + "}}";
        }

        private static string Show(Authorization made)
        {
            return "{\"authorization\": {\"value\": " + Quote(made.Value) + ", \"dpop\": " + Quote(made.Dpop) + "}}";
        }

        private static string Outcome(Func<string> call)
        {
            try
            {
                return call();
            }
            catch (TangoTokenException error)
            {
                return "{\"error\": {\"status\": " + Quote(error.Status.ToName()) + ", \"message\": " + Quote(error.Message)
                    + ", \"http_status\": " + (error.HttpStatus.HasValue ? error.HttpStatus.Value.ToString(CultureInfo.InvariantCulture) : "null")
                    + ", \"oauth_error\": " + Quote(error.OAuthError)
                    + ", \"oauth_error_description\": " + Quote(error.OAuthErrorDescription)
                    + ", \"i18n_key\": " + Quote(error.I18nKey) + ", \"server_message\": " + Quote(error.ServerMessage)
                    + ", \"request_id\": " + Quote(error.RequestId)
                    + ", \"retry_after_seconds\": " + Seconds(error.RetryAfter) + "}}";
            }
            catch (Exception failure)
            {
                return "{\"failed\": " + Quote(failure.ToString()) + "}"; // An error of the binding, which no case expects.
            }
        }

        private static string Seconds(TimeSpan? span)
        {
            return span.HasValue ? ((long)span.Value.TotalSeconds).ToString(CultureInfo.InvariantCulture) : "null";
        }

        private static string Quote(string value)
        {
            if (value == null)
                return "null";
            var json = new StringBuilder("\"");
            foreach (char character in value)
            {
                if (character == '"' || character == '\\')
                    json.Append('\\').Append(character);
                else if (character < ' ')
                    json.Append("\\u").Append(((int)character).ToString("x4"));
                else
                    json.Append(character);
            }
            return json.Append('"').ToString();
        }
    }
}
