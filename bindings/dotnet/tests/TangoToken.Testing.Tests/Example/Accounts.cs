using System.Text.Json.Nodes;

namespace TangoToken.Testing.Tests.Example;

/// <summary>There is no token today.</summary>
public class TryLaterException(string message) : Exception(message);

/// <summary>A part of a program that calls the Tango API. Its tests are beside it.</summary>
public sealed class Accounts(HttpClient http)
{
    public async Task<IReadOnlyList<string>> GetNamesAsync()
    {
        try
        {
            JsonArray accounts = JsonNode.Parse(await http.GetStringAsync("accounts"))!.AsArray();
            return [.. accounts.Select(account => (string)account!["displayName"]!)];
        }
        catch (TangoTokenException error) when (error.ErrorCode == TangoTokenErrorCode.QuotaRefused)
        {
            throw new TryLaterException($"no accounts for {error.RetryAfter}");
        }
    }
}
